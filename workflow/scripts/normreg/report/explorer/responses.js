// The view of the responses: the panels of one sweep, what a value says, and its tables.

let panelsWidth = 0; // of the place in which panels are drawn

function sweepShown() {
  return data.responses.sweeps.find(({ name }) => name === chosen("sweep"));
}

/** A panel with its heading and the text of the value that is pointed at. */
function figureOf(panel, { axis, up }, key, width) {
  const scale = panelScale(panel, up, width), known = panel.points.filter(({ said }) => said);
  const label = `${panel.title}, ${axis}: the arrow keys go from value to value. The table has all values.`;
  const svg = make("svg", { role: "group", "aria-label": label, width, height: scale.height });
  drawPanelAxes(svg, panel, key, scale);
  drawSwept(svg, panel, scale);
  const spots = known.map((point) => spotOf(point, panel, scale));
  svg.append(...spots);
  const told = make("p", { class: "told", "aria-hidden": "true" }); // a reader of the screen hears the name of the mark
  const tell = (place) => {
    spots.forEach((spot, number) => spot.classList.toggle("on", number === place));
    told.textContent = known[place]?.said ?? "";
  };
  spots.forEach((spot, place) => spot.addEventListener("focus", () => tell(place)));
  spots[0]?.setAttribute("tabindex", "0");
  svg.addEventListener("keydown", (event) => goAlong(event, spots));
  for (const kind of ["pointermove", "pointerdown"]) {
    svg.addEventListener(kind, (event) => {
      const at = event.clientX - svg.getBoundingClientRect().left;
      const far = known.map(({ x }) => Math.abs(scale.x(x) - at));
      tell(far.indexOf(Math.min(...far)));
    });
  }
  const about = [` ${panel.against}`, make("br"), `${axis}, up is better`];
  const heading = make("figcaption", {}, make("b", {}, panel.title), ...about);
  return make("figure", { class: "panel" }, heading, svg, told);
}

/** The arrow keys, Home and End move the focus along the values. Tab goes to the next panel. */
function goAlong(event, spots) {
  const place = spots.indexOf(event.target), last = spots.length - 1;
  const steps = { ArrowRight: Math.min(place + 1, last), ArrowLeft: Math.max(place - 1, 0), Home: 0, End: last };
  const next = steps[event.key];
  if (place < 0 || next === undefined) return;
  event.preventDefault();
  spots.forEach((spot, number) => spot.setAttribute("tabindex", number === next ? "0" : "-1"));
  spots[next].focus();
}

function drawPanels() {
  const box = byId("panels");
  panelsWidth = box.clientWidth;
  if (panelsWidth < 50) return; // another view is shown
  const { key, quantities } = sweepShown(), quantity = quantities[chosen("response")];
  box.replaceChildren();
  const columns = quantity.panels.length > 1 && panelsWidth >= 760 ? 2 : 1;
  box.style.setProperty("--columns", columns);
  const width = Math.min((panelsWidth - (columns - 1) * 28) / columns, 720);
  box.append(...quantity.panels.map((panel) => figureOf(panel, quantity, key, width)));
}

/** A row of the legend: a small picture and what it means. */
function meaning(text, ...pictures) {
  const svg = make("svg", { "aria-hidden": "true", viewBox: "-12 -8 24 16" });
  svg.append(...pictures);
  return make("li", {}, svg, text);
}

function drawMeanings() {
  const { words } = data.responses, { legend, panels } = sweepShown().quantities[chosen("response")];
  const rows = legend.map(([text, ...look]) => meaning(text, mark(look, 0, 0, "var(--soft)")));
  if (panels.some(({ points }) => points.some(({ cut }) => cut))) {
    rows.push(meaning(words.far, make("path", { class: "arrow", d: "M0 -7V7M-4 0L0 7L4 0" })));
  }
  if (panels.length) {
    if (chosen("single") === "1") {
      const line = { class: "course thin", x1: -12, x2: 12, y1: 0, y2: 0, stroke: "var(--text)" };
      rows.push(meaning(words.seed, make("line", line)));
    }
    rows.push(meaning(words.within, make("rect", { class: "zone", x: -12, y: -6, width: 24, height: 12 })));
  }
  byId("marks").replaceChildren(...rows);
}

function drawResponses() {
  const shown = chosen("view") === "responses";
  byId("tabled").hidden = !shown;
  if (!shown) return;
  byId("compared").textContent = sweepShown().note;
  for (const part of byId("tabled").querySelectorAll("section")) {
    part.hidden = part.dataset.sweep !== chosen("sweep") || part.dataset.response !== chosen("response");
  }
  drawMeanings();
  drawPanels();
}

function startResponses() {
  const box = byId("panels");
  new ResizeObserver(() => box.clientWidth !== panelsWidth && drawPanels()).observe(box);
}
