// The curves: median over the seeds, their range, and the seeds themselves.

let emphasised = null; // place of the condition under the pointer

function strokeOf(one) {
  return isDark() ? one.lineDark : one.line;
}

/** The path through `points`, each [epoch, value]. An epoch without a value is left out. */
function pathOf(points, { x, y }) {
  const known = points.filter(([, value]) => value != null);
  return known.map(([epoch, value], i) => `${i ? "L" : "M"}${x(epoch).toFixed(1)} ${y(value).toFixed(1)}`).join("");
}

function epochsOf(one, from) {
  return Array.from({ length: Math.max(one.epochs - from + 1, 0) }, (_, i) => from + i);
}

function drawAxes(svg, scale) {
  for (const value of scale.log ? logTicks(scale.range) : ticks(scale.range, 6)) {
    const y = scale.yTick(value);
    svg.append(make("line", { class: "grid", x1: MARGIN.left, x2: scale.width - MARGIN.right, y1: y, y2: y }));
    svg.append(make("text", { x: MARGIN.left - 8, y: y + 4, "text-anchor": "end" }, tickText(value, scale.log)));
  }
  const epochs = [...new Set(ticks([scale.from, lastEpoch], 7).map(Math.round))];
  for (const epoch of epochs) {
    svg.append(make("text", { x: scale.x(epoch), y: scale.height - 14, "text-anchor": "middle" }, String(epoch)));
  }
  svg.append(make("text", { x: scale.width - MARGIN.right, y: scale.height, "text-anchor": "end" }, TIME.axis));
}

/** The range over the seeds, as an area. */
function drawBand(svg, place, scale) {
  const one = data.conditions[place];
  const epochs = epochsOf(one, scale.from).filter((epoch) => valuesAt(place, epoch).length > 1);
  if (!epochs.length) return;
  const high = epochs.map((epoch) => [epoch, Math.max(...valuesAt(place, epoch))]);
  const low = epochs.map((epoch) => [epoch, Math.min(...valuesAt(place, epoch))]).reverse();
  const path = pathOf(high, scale) + pathOf(low, scale).replace("M", "L") + "Z";
  svg.append(make("path", { class: `band ${fading(place)}`, d: path, fill: strokeOf(one) }));
}

function drawCourse(svg, place, scale) {
  const one = data.conditions[place], epochs = epochsOf(one, scale.from), stroke = strokeOf(one);
  if (chosen("each") === "1") {
    for (const seed of metric().values[place]) {
      const path = pathOf(epochs.map((epoch) => [epoch, seed[epoch - 1]]), scale);
      svg.append(make("path", { class: `course thin ${fading(place)}`, d: path, stroke }));
    }
  }
  const points = epochs.map((epoch) => [epoch, median(valuesAt(place, epoch))]);
  const width = one.width + (emphasised === place ? 1.2 : 0);
  const looks = { stroke, "stroke-width": width, "stroke-dasharray": one.dash };
  svg.append(make("path", { class: `course ${fading(place)}`, d: pathOf(points, scale), ...looks }));
  const [epoch, value] = points.at(-1) ?? [];
  if (value != null) svg.append(marker(one, scale.x(epoch), scale.y(value), fading(place)));
}

function marker(one, x, y, kind = "") {
  const stroke = strokeOf(one);
  const fill = one.filled ? stroke : "var(--back)";
  const place = `translate(${x} ${y}) scale(0.8)`;
  return make("path", { class: kind, d: one.marker, transform: place, stroke, fill, "stroke-width": 1.6 });
}

/** All lines but the emphasised one step back. */
function fading(place) {
  return emphasised !== null && emphasised !== place ? "faded" : "";
}

function drawCursor(svg, scale) {
  const epoch = Number(chosen("epoch"));
  if (epoch < scale.from) return;
  const x = scale.x(epoch);
  svg.append(make("line", { class: "cursor", x1: x, x2: x, y1: MARGIN.top, y2: scale.height - MARGIN.bottom }));
  if (emphasised === null || !visible().includes(emphasised) || !valuesAt(emphasised, epoch).length) return;
  const value = median(valuesAt(emphasised, epoch)), side = x > scale.width / 2;
  const text = `${data.conditions[emphasised].label}  ${value.toFixed(metric().digits)}`;
  const place = { x: x + (side ? -9 : 9), y: scale.y(value) - 9, "text-anchor": side ? "end" : "start" };
  svg.append(make("text", { class: "tag", ...place }, text));
}

function drawPlot() {
  const scale = scales();
  if (scale.width < 50) return; // the other view is shown
  const svg = make("svg", { role: "img", "aria-label": `${headline()} The values are in the list and in the table.` });
  drawAxes(svg, scale);
  const order = visible().filter((place) => place !== emphasised);
  if (emphasised !== null && visible().includes(emphasised)) order.push(emphasised);
  if (chosen("range") === "1") for (const place of order) drawBand(svg, place, scale);
  for (const place of order) drawCourse(svg, place, scale);
  drawCursor(svg, scale);
  byId("plot").replaceChildren(svg);
}

function headline() {
  const log = chosen("axis") === "log";
  const title = metric().title, kind = metric().percent ? ", log axis of the error" : ", log axis";
  const several = data.conditions.some((one) => one.seeds.length > 1);
  return title[0].toUpperCase() + title.slice(1) + (several ? ", median over the seeds" : "") + (log ? kind : "") + ".";
}

// --- reactions

function emphasise(place) {
  if (emphasised === place) return;
  emphasised = place;
  drawPlot();
}

function drawCurves() {
  const seeds = Math.max(...data.conditions.map((one) => one.seeds.length));
  byId("seeds").hidden = seeds < 2;
  byId("log").textContent = metric().percent ? "log error" : "log";
  byId("heading").textContent = headline();
  say("from", TIME.at ? timeText(chosen("from")) : `${timeText(chosen("from"))} of ${lastEpoch}`);
  say("epoch", timeText(chosen("epoch")));
  drawLegend();
  drawPlot();
}

/** The epoch nearest to this one that has a value: validation may not come after every epoch. */
function measured(epoch, from) {
  for (let step = 0; step <= lastEpoch; step++) {
    for (const near of [epoch - step, epoch + step]) {
      if (near >= from && visible().some((place) => valuesAt(place, near).length)) return near;
    }
  }
  return epoch;
}

/** The pointer chooses an epoch and the nearest line. */
function follow(event) {
  const box = byId("plot").getBoundingClientRect(), scale = scales();
  const epoch = measured(scale.epochAt(event.clientX - box.left), scale.from), y = event.clientY - box.top;
  const near = visible().filter((place) => valuesAt(place, epoch).length);
  const far = (place) => Math.abs(scale.y(median(valuesAt(place, epoch))) - y);
  form.elements.epoch.value = epoch;
  emphasised = near.length ? near.reduce((a, b) => (far(b) < far(a) ? b : a)) : null;
  drawCurves();
}

function startCurves() {
  for (const id of ["from", "epoch"]) byId(id).max = lastEpoch;
  byId("from").max = Math.max(lastEpoch - 1, 1);
  byId("epoch").value = lastEpoch;
  byId("epoch").defaultValue = lastEpoch;
  form.elements.range.checked = data.conditions.length <= MANY;
  data.conditions.forEach((_, place) => {
    const button = make("button", { type: "button" });
    button.addEventListener("click", () => toggle([place]));
    button.addEventListener("pointerenter", () => emphasise(place));
    button.addEventListener("focus", () => emphasise(place));
    for (const end of ["pointerleave", "blur"]) button.addEventListener(end, () => emphasise(null));
    byId("conditions").append(make("li", {}, button));
  });
  for (const { label, members } of groupsShown()) {
    const button = make("button", { type: "button" }, label);
    button.addEventListener("click", () => toggle(members));
    byId("groups").append(button);
  }
  const plot = byId("plot");
  for (const kind of ["pointermove", "pointerdown"]) plot.addEventListener(kind, follow);
  plot.addEventListener("pointerleave", () => {
    emphasised = null;
    update();
  });
  new ResizeObserver(drawPlot).observe(plot);
}
