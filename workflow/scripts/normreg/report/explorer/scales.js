// Values of the chosen metric, and where they stand in the plot.

const MARGIN = { left: 58, right: 16, top: 14, bottom: 34 };
const MANY = 12; // of more conditions, the ranges are hidden at first: they would hide the lines
// Runs of very different length are drawn by the share of each run. Then the "epochs" of the data are percents.
const TIME = data.shares ? { axis: "share of the run (%)", at: "% of the run" } : { axis: "epoch", at: "" };
const lastEpoch = Math.max(...data.conditions.map((one) => one.epochs));

function metric() {
  return data.metrics[`${chosen("split")}_${chosen("quantity")}`];
}

/** Values of one condition at one epoch, one a seed; none if it has ended before. */
function valuesAt(place, epoch) {
  return metric().values[place].map((seed) => seed[epoch - 1]).filter((value) => value != null);
}

/** What the axis shows: on a log axis the error for accuracies, else the value. */
function shownValue(value) {
  const floor = metric().percent ? 50 / data.testImages : 1e-6; // half an image: log 0 does not exist
  return chosen("axis") === "log" ? Math.max(metric().percent ? 100 - value : value, floor) : value;
}

/** "epoch 5", or "5 % of the run". */
function timeText(epoch) {
  return TIME.at ? `${epoch} ${TIME.at}` : `epoch ${epoch}`;
}

function visible() {
  const off = hidden();
  return data.conditions.map((_, place) => place).filter((place) => !off.has(data.conditions[place].name));
}

/** Limits of the y axis over all that is drawn, with a small space. */
function limits(from) {
  const all = [];
  for (const place of visible()) {
    for (let epoch = from; epoch <= data.conditions[place].epochs; epoch++) {
      const values = valuesAt(place, epoch);
      const spread = chosen("range") === "1" || chosen("each") === "1";
      all.push(...(spread || !values.length ? values : [median(values)]).map(shownValue));
    }
  }
  if (!all.length) return [1, 2];
  const low = all.reduce((a, b) => Math.min(a, b)), high = all.reduce((a, b) => Math.max(a, b));
  const space = 0.04 * (high - low) || 0.01 * Math.abs(high) || 1;
  return chosen("axis") === "log" ? [low / 1.08, high * 1.08] : [low - space, high + space];
}

/** Round numbers in an interval of a log axis: the coarsest kind that gives four of them or more. */
function logTicks([low, high]) {
  let found = [];
  for (const digits of [[1], [1, 3], [1, 2, 5], [1, 2, 3, 5, 7], [1, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9]]) {
    found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
      found.push(...digits.map((digit) => digit * 10 ** power).filter((value) => value >= low && value <= high));
    }
    if (found.length >= 4) break;
  }
  return found;
}

/** About `count` round numbers in an interval: multiples of 1, 2 or 5 times a power of ten. */
function ticks([low, high], count) {
  const found = [];
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((digit) => digit * power >= rough) * power;
  for (let number = Math.ceil(low / step); number * step <= high; number++) found.push(number * step);
  return found;
}

/** A log axis is one of errors, but its numbers are accuracies, like all other numbers here. */
function tickText(value, log) {
  return String(Number((log && metric().percent ? 100 - value : value).toPrecision(6)));
}

/** Places of epochs and values in the plot, in pixels. */
function scales() {
  const { width, height } = byId("plot").getBoundingClientRect();
  const from = Math.min(Number(chosen("from")), lastEpoch);
  const range = limits(from), log = chosen("axis") === "log";
  const bend = log ? Math.log : (value) => value;
  const inner = { width: width - MARGIN.left - MARGIN.right, height: height - MARGIN.top - MARGIN.bottom };
  const across = Math.max(lastEpoch - from, 1);
  const rising = (value) => (bend(value) - bend(range[0])) / (bend(range[1]) - bend(range[0]));
  const share = (value) => (log && metric().percent ? 1 - rising(value) : rising(value)); // better accuracies are above
  return {
    width, height, from, range, log,
    x: (epoch) => MARGIN.left + ((epoch - from) / across) * inner.width,
    y: (value) => MARGIN.top + (1 - share(shownValue(value))) * inner.height,
    yTick: (value) => MARGIN.top + (1 - share(value)) * inner.height,
    epochAt: (x) => Math.min(lastEpoch, Math.max(from, Math.round(from + ((x - MARGIN.left) / inner.width) * across))),
  };
}
