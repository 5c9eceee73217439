// One panel of a response: axes, band, seeds, the mean, and a mark for each value.

const FRAME = { left: 62, right: 10, top: 10, tall: 250 };
const CUT = { mark: 0.13, arrow: 0.1, number: 0.19, none: 0.05 }; // places of a value outside the axis: shares of the height

/** The texts below the axis and their places: that of the reference first. */
function labelsOf(panel) {
  const known = panel.points.map(({ x, text }) => [x, text]);
  return panel.absent === null ? known : [[panel.absent, data.responses.absent], ...known];
}

/** Whether labels would touch, and whether every second one must go. */
function crowding(panel, width) {
  const labels = labelsOf(panel), inner = width - FRAME.left - FRAME.right;
  const gaps = labels.slice(1).map(([x, text], place) => {
    const [before, other] = labels[place];
    return { wide: (x - before) * inner, letters: (text.length + other.length) / 2 };
  });
  return {
    turned: gaps.some(({ wide, letters }) => wide < 7 * letters + 8),
    half: gaps.some(({ wide }) => wide < 15),
  };
}

/** Places of shares and values in the panel, in pixels. Up is better: the axis of a loss is reversed. */
function panelScale(panel, up, width) {
  const [low, high] = panel.ends, { turned, half } = crowding(panel, width);
  const box = { left: FRAME.left, right: width - FRAME.right, top: FRAME.top, bottom: FRAME.top + FRAME.tall };
  const rising = (value) => (up ? value - low : high - value) / (high - low);
  return {
    ...box, turned, half, height: box.bottom + (turned ? 76 : 46),
    x: (share) => box.left + share * (box.right - box.left),
    y: (value) => box.bottom - rising(value) * FRAME.tall,
  };
}

function drawPanelAxes(svg, panel, key, scale) {
  const middle = (scale.left + scale.right) / 2;
  const axes = make("g", { "aria-hidden": "true" });
  const edges = [panel.margin, -panel.margin].map(scale.y).sort((a, b) => a - b);
  const across = { x: scale.left, width: scale.right - scale.left };
  axes.append(make("rect", { class: "zone", y: edges[0], height: edges[1] - edges[0], ...across }));
  for (const value of ticks(panel.ends, 8)) {
    const y = scale.y(value), number = Math.abs(value) < 1e-9 * (panel.ends[1] - panel.ends[0]) ? 0 : value;
    axes.append(make("line", { class: number ? "grid" : "zero", x1: scale.left, x2: scale.right, y1: y, y2: y }));
    const text = String(Number(number.toPrecision(6))).replace("-", "−");
    axes.append(make("text", { x: scale.left - 7, y: y + 4, "text-anchor": "end" }, text));
  }
  const labels = labelsOf(panel);
  labels.forEach(([share, text], place) => {
    if (scale.turned && scale.half && place && (labels.length - 1 - place) % 2) return;
    const x = scale.x(share), y = scale.bottom + 18;
    const turned = { "text-anchor": "end", transform: `rotate(-40 ${x} ${y})` };
    const turn = scale.turned ? turned : { "text-anchor": "middle" };
    axes.append(make("text", { class: "at", x, y, ...turn }, text));
  });
  axes.append(make("text", { x: middle, y: scale.height - 6, "text-anchor": "middle" }, key));
  svg.append(axes);
}

/** The path through [share, value]. It has a gap where a value is unknown. */
function gappedPath(points, { x, y }) {
  let step = "M";
  return points.map(([share, value]) => {
    const part = value == null ? "" : `${step}${x(share).toFixed(1)} ${y(value).toFixed(1)}`;
    step = value == null ? "M" : "L";
    return part;
  }).join("");
}

/** Values of the points. To one that is outside the axis, lines go as far as the edge. */
function along(panel, values) {
  const [low, high] = panel.ends;
  return panel.points.map(({ x, cut }, place) => {
    const value = values[place];
    return [x, value != null && cut ? Math.min(Math.max(value, low), high) : value];
  });
}

function drawSwept(svg, panel, scale) {
  const stroke = isDark() ? panel.dark : panel.light, start = panel.absent === null ? [] : [[panel.absent, 0]];
  const box = { x: scale.left, y: scale.top, width: scale.right - scale.left, height: scale.bottom - scale.top };
  const place = { ...box, viewBox: Object.values(box).join(" ") };
  const inside = make("svg", { "aria-hidden": "true", ...place }); // what leaves it is cut off
  const line = (kind, values) => {
    const d = gappedPath([...start, ...along(panel, values)], scale);
    inside.append(make("path", { class: kind, d, stroke }));
  };
  if (chosen("single") === "1") for (const numbers of panel.numbers) line("course thin", numbers);
  const lows = along(panel, panel.points.map(({ low }) => low));
  const highs = along(panel, panel.points.map(({ high }) => high));
  for (let first = 0; first < lows.length; first++) {
    if (lows[first][1] == null) continue;
    let end = first;
    while (end < lows.length && lows[end][1] != null) end++;
    const d = gappedPath([...highs.slice(first, end), ...lows.slice(first, end).reverse()], scale);
    inside.append(make("path", { class: "band", d: `${d}Z`, fill: stroke }));
    first = end;
  }
  for (const { x, low, high, cut } of panel.points) {
    if (cut || low == null) continue;
    inside.append(make("path", { class: "course interval", d: gappedPath([[x, low], [x, high]], scale), stroke }));
  }
  line("course mean", panel.points.map(({ difference }) => difference));
  if (panel.absent !== null) {
    const x = scale.x((panel.absent + panel.points[0].x) / 2);
    inside.append(make("line", { class: "cursor", x1: x, x2: x, y1: scale.top, y2: scale.bottom }));
  }
  svg.append(inside);
  if (panel.absent !== null) svg.append(mark(["D", true], scale.x(panel.absent), scale.y(0), "var(--soft)", 0.55));
}

/** One of matplotlib's marks, 10 pixels wide times `size`. */
function mark([code, filled], x, y, color, size = 1) {
  const lines = code === "x" || code === "|";
  const look = { fill: filled && !lines ? color : "var(--back)", transform: `translate(${x} ${y}) scale(${size})` };
  return make("path", { class: lines ? "mark lines" : "mark", d: data.responses.marks[code], ...look });
}

/** The mark of a value. One outside the axis stands at its edge, with an arrow and its number; an unknown one alone. */
function spotOf(point, panel, scale) {
  const x = scale.x(point.x), color = isDark() ? point.dark : point.light;
  const spot = make("g", { class: "spot", role: "img", tabindex: "-1", "aria-label": `${panel.title}, ${point.said}` });
  if (!point.cut) {
    const y = point.difference == null ? scale.bottom - CUT.none * FRAME.tall : scale.y(point.difference);
    spot.append(mark(point.mark, x, y, color));
    return spot;
  }
  const below = scale.y(point.difference) > scale.bottom;
  const y = (share) => (below ? scale.bottom - share * FRAME.tall : scale.top + share * FRAME.tall);
  const edge = y(0), back = below ? -7 : 7;
  const head = `M${x} ${y(CUT.arrow)}V${edge}M${x - 4} ${edge + back}L${x} ${edge}L${x + 4} ${edge + back}`;
  const turn = { transform: `rotate(-90 ${x} ${y(CUT.number)})`, "text-anchor": below ? "start" : "end" };
  spot.append(make("path", { class: "arrow", d: head }), mark(point.mark, x, y(CUT.mark), color));
  spot.append(make("text", { class: "tag", x, y: y(CUT.number), dy: "0.35em", ...turn }, point.cut));
  return spot;
}
