// The images as a grid of small pictures, and as a table.

const PAGE = 60; // pictures shown at first, and as many more each time: thousands at once would be slow
const picture = new Image(); // all images in a grid
let drawn = 0; // how many of them have a tile

/** A picture of one image, `side` pixels wide on the page. */
function canvasOf(image, side) {
  const { columns, width, height, across, down, gray } = data.atlas;
  const canvas = make("canvas", { width, height, "aria-hidden": "true", class: gray ? "gray" : "" });
  const scale = side / Math.max(width, height);
  Object.assign(canvas.style, { width: `${width * scale}px`, height: `${height * scale}px` });
  const x = (image % columns) * across, y = Math.floor(image / columns) * down;
  canvas.getContext("2d").drawImage(picture, x, y, width, height, 0, 0, width, height);
  return canvas;
}

function tileOf(image) {
  const change = changeCounts(chosen("change"));
  const common = mostCommon(image), actual = data.labels[image];
  const label =
    `Image ${data.images[image]}: ${data.classes[actual]}, missed by ${missed[image]} of ${runs} runs, ` +
    `most often taken for ${data.classes[common.class]}` +
    (change ? `, ${change.kind} in ${change.counts[image]} of ${change.of} comparisons` : "");
  const button = make("button", { type: "button", "aria-label": label, tabindex: -1 });
  const small = change ? `${change.kind} ${change.counts[image]} of ${change.of}` : `${missed[image]} of ${runs}`;
  const arrow = make("span", { class: "taken" }, `→ ${shortName(common.class)}`);
  button.append(
    canvasOf(image, 70),
    make("span", { class: "classes" }, `${shortName(actual)} `, arrow),
    make("small", {}, small),
  );
  button.addEventListener("click", () => openDetail(image));
  return make("li", {}, button);
}

function drawMore() {
  const next = shown.slice(drawn, drawn + PAGE);
  byId("tiles").append(...next.map(tileOf));
  drawn += next.length;
  byId("more").hidden = drawn >= shown.length;
  byId("more").textContent = `Show more (${(shown.length - drawn).toLocaleString("en")} left)`;
  const first = byId("tiles").querySelector("button");
  if (first && !byId("tiles").querySelector('[tabindex="0"]')) first.tabIndex = 0;
}

/** One tile is in the order of Tab; the arrow keys go to the others. So Tab soon reaches what follows. */
function walk(event) {
  const tiles = [...byId("tiles").querySelectorAll("button")];
  const here = tiles.indexOf(document.activeElement);
  const top = tiles[0]?.offsetTop;
  const across = tiles.filter((tile) => tile.offsetTop === top).length;
  const ends = { Home: -here, End: tiles.length - 1 - here };
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across, ...ends };
  if (here < 0 || !(event.key in steps)) return;
  event.preventDefault();
  focusTile(Math.min(Math.max(here + steps[event.key], 0), tiles.length - 1));
}

function focusTile(number) {
  byId("tiles").querySelectorAll("button").forEach((tile, place) => {
    tile.tabIndex = place === number ? 0 : -1;
    if (place === number) tile.focus();
  });
}

// --- the same images as a table

function drawList() {
  const named = data.files.length > 0;
  const heads = ["image", ...(named ? ["file"] : []), "actual class", `missed by, of ${runs} runs`, "most often taken for", "by runs"];
  for (const change of data.changes) heads.push(`fixed by ${change.name}`, `broken by ${change.name}`);
  const rows = shown.map((image) => {
    const common = mostCommon(image);
    const actual = data.classes[data.labels[image]];
    const cells = [data.images[image], ...(named ? [data.files[image]] : []), actual, missed[image], data.classes[common.class], common.times];
    for (const change of data.changes) cells.push(change.fixed[image], change.broken[image]);
    return make("tr", {}, ...cells.map((cell) => make("td", {}, String(cell))));
  });
  const head = make("tr", {}, ...heads.map((text) => make("th", { scope: "col" }, text)));
  const table = make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows));
  byId("list").querySelector("div").replaceChildren(table);
}
