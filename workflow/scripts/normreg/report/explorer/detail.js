// One image: what every run takes it for.

const dialog = byId("detail");

function percent(hundredths) {
  return hundredths > 9950 ? "> 99 %" : `${Math.round(hundredths / 100)} %`;
}

function openDetail(image) {
  form.elements.image.value = data.images[image];
  writeAddress();
  drawDetail();
}

/** Shows the image that the state names, or closes. */
function drawDetail() {
  const image = data.images.indexOf(Number(chosen("image") || NaN));
  if (image < 0) {
    if (dialog.open) dialog.close();
    return;
  }
  const common = mostCommon(image);
  const file = data.files.length ? `: ${data.files[image]}` : "";
  byId("which").textContent = `Image ${data.images[image]} of the test split${file}`;
  byId("picture").replaceChildren(canvasOf(image, 168));
  const taken = make("b", { class: "taken" }, data.classes[common.class]);
  const always = common.times === missed[image];
  byId("about").replaceChildren(
    make("p", {}, "Actual class: ", make("b", {}, data.classes[data.labels[image]])),
    make("p", {}, `Missed by ${missed[image]} of ${runs} runs, ${always ? "always" : "most often"} taken for `, taken,
      always ? "." : ` (${common.times} times).`),
    ...data.changes.map((change) => make("p", { class: "hint" }, changeText(change, image))),
  );
  byId("predictions").replaceChildren(tableOf(image));
  const place = shown.indexOf(image);
  byId("before").disabled = place <= 0;
  byId("after").disabled = place < 0 || place === shown.length - 1;
  if (dialog.open) return;
  dialog.showModal();
  byId("close").focus(); // not by the attribute: inside a report the browser blocks that, and logs an error
}

function changeText(change, image) {
  const counts = `fixed in ${change.fixed[image]}, broken in ${change.broken[image]}`;
  return `${change.name}: ${counts} of ${change.comparisons} comparisons`;
}

/** A row for each condition, a column for each seed. */
function tableOf(image) {
  const seeds = [...new Set(data.runs.map(([, seed]) => seed))];
  const head = make("tr", {}, make("th", { scope: "col" }, "condition"));
  head.append(...seeds.map((seed) => make("th", { scope: "col" }, `seed ${seed}`)));
  const names = [...new Set(data.runs.map(([name]) => name))];
  const rows = names.map((name) => {
    const row = make("tr", {}, make("th", { scope: "row" }, labelOf(name)));
    for (const seed of seeds) {
      const run = data.runs.findIndex(([ofName, ofSeed]) => ofName === name && ofSeed === seed);
      row.append(run < 0 ? make("td", {}, "–") : cellOf(predictionOf(run, image)));
    }
    return row;
  });
  return make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows));
}

function cellOf(one) {
  const cell = make("td", { class: one.wrong ? "missed" : "", title: data.classes[one.class] });
  cell.append(make("b", {}, shortName(one.class)));
  cell.append(" ", make("small", {}, percent(one.sure)));
  if (one.wrong) cell.append(make("span", { class: "unseen" }, " wrong"));
  return cell;
}

/** The label of a condition, with those that have equal settings and so the same runs. */
function labelOf(name) {
  const same = data.same.filter(([, first]) => first === name).map(([other]) => other);
  return [name, ...same].map((one) => data.conditions.find((known) => known.name === one).label).join(" = ");
}

function step(by) {
  const image = shown[shown.indexOf(data.images.indexOf(Number(chosen("image")))) + by];
  if (image !== undefined) openDetail(image);
}

function startDetail() {
  byId("before").addEventListener("click", () => step(-1));
  byId("after").addEventListener("click", () => step(1));
  byId("close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });
  dialog.addEventListener("close", () => {
    const place = shown.indexOf(data.images.indexOf(Number(chosen("image"))));
    form.elements.image.value = "";
    writeAddress();
    if (place >= 0 && place < drawn) focusTile(place);
  });
}
