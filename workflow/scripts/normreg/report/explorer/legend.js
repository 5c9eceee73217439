// The legend: it shows values at the chosen epoch, and its buttons show or hide conditions.

function sample(one) {
  const svg = make("svg", { "aria-hidden": "true", viewBox: "0 0 44 14" });
  const looks = { stroke: strokeOf(one), "stroke-width": one.width, "stroke-dasharray": one.dash };
  svg.append(make("line", { x1: 0, x2: 44, y1: 7, y2: 7, ...looks }));
  svg.append(marker(one, 22, 7));
  return svg;
}

function valueCell(place) {
  const values = valuesAt(place, Number(chosen("epoch"))), digits = metric().digits;
  const cell = make("span", { class: "value" }, values.length ? median(values).toFixed(digits) : "–");
  if (values.length > 1) {
    const ends = [Math.min(...values), Math.max(...values)].map((value) => value.toFixed(digits));
    cell.append(make("small", {}, `${ends[0]} to ${ends[1]}`));
  }
  return cell;
}

/** Fills the buttons of the legend again. The buttons stay, so that the focus stays. */
function drawLegend() {
  const off = hidden();
  [...byId("conditions").children].forEach(({ firstChild: button }, place) => {
    const one = data.conditions[place];
    button.setAttribute("aria-pressed", String(!off.has(one.name)));
    button.replaceChildren(sample(one), make("span", { class: "name" }, one.label), valueCell(place));
  });
  [...byId("groups").children].forEach((button, number) => {
    button.setAttribute("aria-pressed", pressed(groupsShown()[number].members, off));
  });
  const several = data.conditions.some((one) => one.seeds.length > 1);
  byId("columns").textContent = `${several ? "median and range " : ""}at ${timeText(chosen("epoch"))}`;
}

function groupsShown() {
  return [{ label: "all", members: data.conditions.map((_, place) => place) }, ...data.groups];
}

function pressed(members, off) {
  const shown = members.filter((place) => !off.has(data.conditions[place].name)).length;
  return shown === members.length ? "true" : shown ? "mixed" : "false";
}

/** Hides the members if all are shown, else shows all. */
function toggle(members) {
  const off = hidden(), names = members.map((place) => data.conditions[place].name);
  const hide = names.every((name) => !off.has(name));
  for (const name of names) hide ? off.add(name) : off.delete(name);
  setHidden(off);
  update();
}
