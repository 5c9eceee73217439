// Starts the page, and draws it again after every change.

function draw(touched) {
  const view = chosen("view");
  for (const { value } of form.elements.view) byId(value).hidden = view !== value;
  byId("finals").hidden = view !== "curves";
  if (view === "curves") drawCurves();
  else if (view === "mistakes") drawMistakes(touched);
  if (data.responses) drawResponses();
  drawDetail();
}

function update(touched) {
  draw(touched);
  writeAddress();
}

async function share() {
  writeAddress();
  try {
    await navigator.clipboard.writeText(location.href);
    tell("Link copied");
  } catch {
    tell("Copy the link from the address bar");
  }
}

/** Shows a short message on the button, and says it to screen readers. */
function tell(text) {
  const button = byId("share");
  const before = "Copy link to this view";
  button.textContent = text;
  byId("said").textContent = text;
  setTimeout(() => (button.textContent = before), 2500);
}

async function start() {
  form.ariaBusy = "true"; // images are decoded meanwhile, which can end long after the page is loaded
  startCurves();
  await startMistakes();
  startDetail();
  if (data.responses) startResponses();
  Object.assign(initial, state());
  // In a Snakemake report the page has no address of its own that could be sent to somebody.
  byId("share").hidden = !/^(file|https?):$/.test(location.protocol);
  byId("share").addEventListener("click", share);
  form.addEventListener("input", (event) => update(event.target.name));
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", () => {
    readAddress();
    draw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());
  readAddress();
  draw();
  form.ariaBusy = "false";
}

start();
