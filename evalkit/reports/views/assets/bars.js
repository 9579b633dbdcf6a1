// Bars as a list: a name, the bar, and its value in figures, so that none depends on another's length.
"use strict";

const MOST_BARS = 15;

function element(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

// `bars`: {name, parts: [number], colours: [css], text}, drawn as long as their parts' sum beside the longest.
function drawBars(id, bars, legend = []) {
  const total = ({ parts }) => parts.reduce((sum, part) => sum + (part || 0), 0);
  const longest = Math.max(...bars.map(total), Number.MIN_VALUE);
  const list = element("ul", "bar-list");
  for (const bar of bars) {
    const item = element("li", "");
    const track = element("span", "track");
    bar.parts.forEach((part, i) => {
      const piece = element("span", "piece");
      piece.style.width = `${(100 * (part || 0)) / longest}%`;
      piece.style.background = bar.colours[i];
      track.append(piece);
    });
    item.append(element("span", "bar-name", bar.name), track, element("span", "bar-value", bar.text));
    list.append(item);
  }
  const keys = element("p", "note keys");
  for (const { name, colour: fill } of legend) {
    const swatch = element("span", "swatch");
    swatch.style.background = fill;
    keys.append(swatch, element("span", "", name));
  }
  const none = bars.length ? [] : [element("p", "note", "No setting has these figures.")];
  document.getElementById(id).replaceChildren(...(legend.length && bars.length ? [keys] : []), ...none, list);
}

// Some columns, stacked, of the settings on the front, the best quality first.
function renderBars(id, left, columns, names) {
  const front = paretoFront(left, state.x).sort((a, b) => b.quality - a.quality).slice(0, MOST_BARS);
  const fills = columns.map((_, i) => colour(`part${i}`));
  const bars = front.map((row) => {
    const parts = columns.map((column) => row.mean(column));
    const sum = parts.reduce((total, part) => total + part, 0);
    const each = parts.map((part, i) => `${names[i]} ${figureText(columns[i], part)}`);
    return { name: settingName(row.point), parts, colours: fills, text: Number.isNaN(sum) ? each.join(", ") : figureText(columns[0], sum) };
  });
  drawBars(id, bars, names.map((name, i) => ({ name, colour: fills[i] })));
}

// Documents per second: one bar per model, which is encoded once for all of its settings.
function renderThroughput(left) {
  const models = new Map();
  for (const row of left) {
    const model = nameOf("model", row.point);
    if (!models.has(model) && !Number.isNaN(row.mean("documents_per_second"))) models.set(model, row);
  }
  const sorted = [...models].sort(([, a], [, b]) => b.mean("documents_per_second") - a.mean("documents_per_second"));
  drawBars("throughput", sorted.map(([model, row]) => {
    const speed = row.mean("documents_per_second");
    return { name: DATA.words.model[COLUMNS.model[row.point]], parts: [speed], colours: [colourOf(row.point)], text: `${number(speed, "1/s")} a second` };
  }));
}
