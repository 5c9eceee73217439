// The images that some run gets wrong, and the filters.

const COMPRESSED = "The images are compressed, so that the page stays small. Figures show them as they are.";
const FEW = 20; // of more classes, only those are choices that occur
const runs = data.runs.length;
const manyClasses = data.classes.length > 256; // then a class takes two bytes
const predicted = manyClasses ? pairsOf(data.predicted) : bytesOf(data.predicted); // run after run, a class per image
const sureness = pairsOf(data.confidence); // hundredths of a percent
const shortNames = shortened(shortened(data.classes, (name) => name.split(" (")[0]), withoutMiddle);
const missed = data.images.map((_, image) => wrongRuns(image).length);
let shown = []; // places of the images that pass the filters, in order

function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** Numbers of two bytes, the smaller byte first. */
function pairsOf(text) {
  const bytes = bytesOf(text);
  return Uint16Array.from({ length: bytes.length / 2 }, (_, i) => bytes[2 * i] + 256 * bytes[2 * i + 1]);
}

function predictionOf(run, image) {
  const place = run * data.images.length + image;
  return { run, class: predicted[place], sure: sureness[place], wrong: predicted[place] !== data.labels[image] };
}

function wrongRuns(image) {
  return data.runs.map((_, run) => predictionOf(run, image)).filter((one) => one.wrong);
}

/** The names as `cut` makes them, but those that would be equal to another. */
function shortened(names, cut) {
  const found = names.map(cut), times = new Map();
  for (const name of found) times.set(name, (times.get(name) ?? 0) + 1);
  return names.map((name, number) => (times.get(found[number]) > 1 ? name : found[number]));
}

function withoutMiddle(name) {
  const letters = [...name];
  return letters.length > 26 ? `${letters.slice(0, 15).join("")}…${letters.slice(-10).join("")}` : name;
}

/** The name of a class where space is short: "4" for "4 (four)", a long one without its middle. */
function shortName(number) {
  return shortNames[number];
}

/** The most common wrong class of an image and how many runs predict it; the first class if several are. */
function mostCommon(image) {
  const votes = new Array(data.classes.length).fill(0);
  for (const one of wrongRuns(image)) votes[one.class]++;
  const times = Math.max(...votes);
  return { class: votes.indexOf(times), times };
}

/** The comparisons of the chosen factor that fix (or break) each image; null if none is chosen. */
function changeCounts(value) {
  const [kind, number] = value.split("-");
  return value ? { kind, counts: data.changes[number][kind], of: data.changes[number].comparisons } : null;
}

// --- filters

/** The wrong predictions of an image that pass the filters on one run: class and confidence. */
function passingRuns(image, filters) {
  const taken = (one) => filters.taken === "" || one.class === Number(filters.taken);
  return wrongRuns(image).filter((one) => taken(one) && one.sure >= 100 * filters.sure);
}

function passes(image, filters, change) {
  const many = missed[image] >= Number(filters.least) && missed[image] <= Number(filters.most);
  const actual = filters.actual === "" || data.labels[image] === Number(filters.actual);
  const changed = !change || change.counts[image] >= Number(filters.often);
  return many && actual && changed && passingRuns(image, filters).length > 0;
}

function inOrder(places, filters, change) {
  const surest = (image) => Math.max(...passingRuns(image, filters).map((one) => one.sure));
  const keys = {
    missed: (image) => -missed[image],
    sure: (image) => -surest(image),
    changed: (image) => -(change ? change.counts[image] : missed[image]),
    image: (image) => data.images[image],
  };
  const keyed = places.map((image) => [keys[filters.order](image), data.images[image], image]);
  return keyed.sort((a, b) => a[0] - b[0] || a[1] - b[1]).map((entry) => entry[2]);
}

/** Sliders and choices depend on one another: "at least" is never above "at most", and so on. */
function tidyFilters(touched) {
  const { least, most, often, order } = form.elements;
  if (Number(least.value) > Number(most.value)) {
    if (touched === "most") least.value = most.value;
    else most.value = least.value;
  }
  const change = changeCounts(chosen("change"));
  byId("oftenness").hidden = !change;
  if (change) often.max = change.of;
  const changed = order.querySelector("[value=changed]");
  changed.hidden = changed.disabled = !change;
  if (!change && order.value === "changed") order.value = "missed";
  return change;
}

function drawMistakes(touched) {
  const change = tidyFilters(touched), filters = state();
  say("least", `at least ${filters.least} of ${runs}`);
  say("most", `at most ${filters.most} of ${runs}`);
  say("sure", filters.sure === "0" ? "any" : `${filters.sure} % or more`);
  say("often", change ? `at least ${filters.often} of ${change.of}` : filters.often);
  byId("meaning").textContent = meaningOf(change);
  const all = data.images.map((_, image) => image);
  shown = inOrder(all.filter((image) => passes(image, filters, change)), filters, change);
  byId("count").textContent = `${shown.length.toLocaleString("en")} of ${plural(data.images.length, "image")}`;
  if (data.images.length < data.wrongImages) {
    byId("count").textContent += `, the most missed of ${data.wrongImages.toLocaleString("en")} that runs miss`;
  }
  byId("tiles").replaceChildren();
  drawn = 0;
  drawMore();
  if (byId("list").open) drawList();
}

function meaningOf(change) {
  if (!change) return data.atlas.exact ? "" : COMPRESSED;
  const [without, having] = change.kind === "fixed" ? ["wrong", "right"] : ["right", "wrong"];
  return (
    `A comparison is two runs with one seed that differ in this factor alone: the run without it is ${without}, ` +
    `the run with it ${having}. A factor without effect fixes about as many images as it breaks.`
  );
}

function resetFilters() {
  const kept = state();
  const filters = ["actual", "taken", "change", "order", "least", "most", "sure", "often"];
  for (const name of filters) kept[name] = initial[name];
  setState(kept);
  update();
}

function option(value, text) {
  return make("option", { value }, text);
}

/** The classes that an image of the page has, and those that it is taken for by mistake. */
function classesThatOccur() {
  const taken = data.images.flatMap((_, image) => wrongRuns(image).map((one) => one.class));
  return { actual: new Set(data.labels), taken: new Set(taken) };
}

/** Fills the choices, and waits for the pictures. */
async function startMistakes() {
  const occur = classesThatOccur();
  for (const name of ["actual", "taken"]) {
    const numbers = [...data.classes.keys()].filter((number) => occur[name].has(number) || data.classes.length <= FEW);
    form.elements[name].append(...numbers.map((number) => option(number, data.classes[number])));
  }
  data.changes.forEach((change, number) => {
    for (const kind of ["fixed", "broken"]) {
      form.elements.change.append(option(`${kind}-${number}`, `${kind} by ${change.name}`));
    }
  });
  for (const name of ["least", "most"]) form.elements[name].max = runs;
  form.elements.most.value = runs;
  byId("more").addEventListener("click", () => {
    const before = drawn;
    drawMore();
    focusTile(before);
  });
  byId("tiles").addEventListener("keydown", walk);
  byId("list").addEventListener("toggle", () => byId("list").open && drawList());
  byId("reset").addEventListener("click", resetFilters);
  picture.src = data.atlas.source;
  await picture.decode();
}
