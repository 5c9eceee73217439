// The data of the page, small helpers, and its state. The state is the form: each control with a name is one part of
// it. It stands in the address behind the #, so that a copied link shows the same view.

const data = JSON.parse(byId("data").textContent);
const form = byId("form");
const initial = {}; // what the controls say before anybody touches them; these parts are left out of the address

function byId(id) {
  return document.getElementById(id);
}

/** A new element. Text never becomes HTML, so names of classes and conditions may hold any characters. */
function make(tag, attributes = {}, ...children) {
  const svg = ["svg", "path", "line", "text", "g", "rect"].includes(tag);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function isDark() {
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

/** The median; null of nothing. */
function median(values) {
  if (!values.length) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

function plural(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

// --- state

function controls() {
  return [...form.elements].filter((control) => control.name);
}

/** The value of each named control: text, "1" or "0" for a checkbox, the chosen value for radio buttons. */
function state() {
  const found = {};
  for (const control of controls()) {
    if (control.type === "checkbox") found[control.name] = control.checked ? "1" : "0";
    else if (control.type !== "radio" || control.checked) found[control.name] = control.value;
  }
  return found;
}

function chosen(name) {
  return state()[name];
}

/** Sets the controls. A value that a control does not know (an old link, another study) leaves it as it begins. */
function setState(wanted) {
  // A slider takes no value above its limit, and that of this one depends on another control.
  form.elements.often.max = Math.max(...data.changes.map((one) => one.comparisons), 1);
  for (const control of controls()) {
    const value = wanted[control.name] ?? initial[control.name];
    if (control.type === "checkbox") control.checked = value === "1";
    else if (control.type === "radio") control.checked = control.value === value;
    else control.value = value;
    if (control.tagName === "SELECT" && control.selectedIndex < 0) control.value = initial[control.name];
  }
  for (const name of new Set(controls().map((control) => control.name))) {
    const group = controls().filter((control) => control.name === name && control.type === "radio");
    if (group.some((one) => one.checked)) continue;
    for (const one of group) one.checked = one.value === initial[name];
  }
}

function readAddress() {
  setState(Object.fromEntries(new URLSearchParams(location.hash.slice(1))));
}

function writeAddress() {
  const parts = Object.entries(state()).filter(([name, value]) => value !== initial[name]);
  const text = new URLSearchParams(parts).toString();
  try {
    history.replaceState(null, "", text ? `#${text}` : "#");
  } catch {
    // Some places that show the page inside another one forbid it. Everything else works there.
  }
}

/** Names of conditions that are hidden. Those in the address are never decoded: anything may stand there. */
function hidden() {
  const off = new Set(chosen("off").split(","));
  return new Set(data.conditions.map((one) => one.name).filter((name) => off.has(encodeURIComponent(name))));
}

function setHidden(names) {
  form.elements.off.value = [...names].map(encodeURIComponent).join(",");
}

/** Writes what a slider means into the output that belongs to it. */
function say(id, text) {
  document.querySelector(`output[for="${id}"]`).textContent = text;
  byId(id).setAttribute("aria-valuetext", text);
}
