// Settings and figures in words: twins of results/in_words.py, percent.py and measures/enough_queries.py.
"use strict";

const SEPARATOR = " · ";
const PLUS = " + ";
const EXACT = "exact";

function settingWords(point) {
  const [search, ...stages] = DATA.words.index[COLUMNS.index[point]];
  if (COLUMNS.dims[point] === null) return [[DATA.words.model[COLUMNS.model[point]], ...stages].join(PLUS)];
  return [nameOf("model", point), `${COLUMNS.dims[point]} dims`, nameOf("quantization", point), [search, ...stages].join(PLUS)].filter(Boolean);
}

function settingName(point) {
  return settingWords(point).join(SEPARATOR);
}

function advice(point) {
  const [name, width, stored, searched = EXACT] = settingWords(point);
  if (!width) return name;
  const [search, ...stages] = searched.split(PLUS);
  const parts = [width, stored, ...(search === EXACT ? [] : [search]), ...stages.map((stage) => `with ${stage}`)];
  return `${name} at ${parts.join(", ")}`;
}

// A setting's label in a chart, where the colour says the model: "256 int4 + BM25".
function shortName(point) {
  const [name, width, stored, searched = EXACT] = settingWords(point);
  if (!width) return name;
  const [search, ...stages] = searched.split(PLUS);
  return [`${COLUMNS.dims[point]} ${stored}${search === EXACT ? "" : ` ${search}`}`, ...stages].join(PLUS);
}

function number(value, unit) {
  if (value === null || Number.isNaN(value)) return "–";
  const digits = DATA.digits[unit] ?? 4;
  const shown = digits && value !== 0 && Math.abs(value) < 0.1 ? 4 : digits;
  return value.toLocaleString("en-US", { minimumFractionDigits: shown, maximumFractionDigits: shown });
}

function figureText(column, value) {
  const unit = DATA.units[column] ?? "";
  if (unit !== "$") return `${number(value, unit)} ${unit}`.trim();
  return `$${number(value, unit)}${column.includes("_month") ? " a month" : ""}`;
}

function heading(column) {
  return DATA.headings[column] ?? column;
}

function whole(value) {
  return value.toLocaleString("en-US", { maximumFractionDigits: 0 });
}

function dollars(value) {
  return `$${value.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
}

function counted(count) {
  const millions = count / 1e6;
  if (millions < 1 || Number(millions.toFixed(2)) !== millions) return whole(count);
  return `${millions.toLocaleString("en-US", { maximumFractionDigits: 2 })} M`;
}

function percent(share) {
  const value = 100 * share;
  const room = 0.05 * Math.min(Math.abs(value), Math.abs(100 - value));
  let digits = 0;
  while (digits < 6 && Math.abs(Number(value.toFixed(digits)) - value) > room) digits += 1;
  return `${value.toFixed(digits)}%`;
}

// `share` rounded up, where it is the most that something may be.
function bound(share) {
  return `${(Math.ceil(1000 * share - 1e-9) / 10).toFixed(1)}%`;
}

function intervalText(row) {
  return row.low === null ? "" : ` (${row.low.toFixed(4)} – ${row.high.toFixed(4)})`;
}

function joined(words) {
  return [words.slice(0, -1).join(", "), words.at(-1)].filter(Boolean).join(" or ");
}

// The twin of Resolution: what so many independent queries can show, and how many would show a smaller difference.
const POWER_QUANTILE = 0.8416;
const TWO_SETTINGS = 1.96;
const MOST = 1e9;

function smallestShown(queries, spread, critical) {
  if (critical === null || queries <= Math.max(critical ** 2, 1)) return null;
  const freedom = queries - 1;
  const needed = critical * Math.sqrt(freedom / (queries - critical ** 2));
  const center = needed * (1 - 1 / (4 * freedom)) + POWER_QUANTILE * Math.sqrt(1 + needed ** 2 / (2 * freedom));
  return (spread / Math.sqrt(queries)) * center;
}

function queriesFor(difference, spread, critical) {
  let [low, high] = [0, MOST];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const smallest = smallestShown(middle, spread, critical ?? TWO_SETTINGS);
    if (smallest !== null && smallest <= difference) high = middle;
    else low = middle + 1;
  }
  return low;
}

// By its first figure, or the first two: "900", "1,200".
function about(count) {
  const step = 10 ** Math.max(String(count).length - 2, 0);
  return whole(Math.round(count / step) * step);
}
