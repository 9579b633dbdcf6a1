// The table of all points, its columns and download, the rankings, and where hosted models and own machines meet.
"use strict";

const columnStyles = new CSSStyleSheet();
document.adoptedStyleSheets = [columnStyles];

function scopeCorpora() {
  return new Set(DATA.scopes[state.scope].members[0]?.map((point) => nameOf("corpus", point)) ?? []);
}

// What the words of a search are sought in: the setting in words, its names in configs, and the corpus.
function findable(point) {
  return ["corpus", "quantization", "index"].map((column) => nameOf(column, point)).concat(settingName(point)).join(" ").toLowerCase();
}

function renderTable() {
  const corpora = scopeCorpora();
  const sought = state.find.split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of document.querySelectorAll("#points tbody tr")) {
    const point = Number(row.dataset.point);
    const text = findable(point);
    const isLeft = isShown(point) && meetsLimits((column) => figureOf(column, point));
    row.hidden = !isLeft || !corpora.has(nameOf("corpus", point)) || !sought.every((word) => text.includes(word));
    shown += !row.hidden;
    for (const cell of row.querySelectorAll("[data-modelled]")) {
      const value = figureOf(cell.dataset.modelled, point);
      cell.textContent = number(value, DATA.units[cell.dataset.modelled] ?? "");
      cell.dataset.sort = Number.isNaN(value) ? "" : value;
    }
  }
  document.getElementById("points-note").textContent = `${shown} ${shown === 1 ? "point" : "points"}`;
}

function cssString(text) {
  return `"${[...text].map((c) => (/[\w ,.()-]/.test(c) ? c : `\\${c.codePointAt(0).toString(16)} `)).join("")}"`;
}

// Columns that are not ticked are hidden; on a phone, where a row is a card, each cell says what it is.
function renderColumns() {
  const rules = [...document.querySelectorAll("#points thead th")].flatMap((header, i) => {
    const box = document.querySelector(`[data-column="${i}"]`);
    const named = `@media (max-width: 40rem) { #points td:nth-child(${i + 1})::before { content: ${cssString(header.textContent)}; } }`;
    return box && !box.checked ? [`#points tr > :nth-child(${i + 1}) { display: none !important; }`] : [named];
  });
  columnStyles.replaceSync(rules.join("\n"));
}

function csv() {
  const noFormula = (text) => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text); // media.csv_cell is the twin
  const quoted = (text) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const cell = (text) => quoted(noFormula(text));
  const named = ["model", "corpus", "dims", "quantization", "index"];
  const numeric = Object.keys(COLUMNS).filter((column) => ![...named, "machine", "priced_as"].includes(column));
  const header = [...named, ...numeric, ...DATA.modelled.filter((column) => !numeric.includes(column))];
  const lines = [...document.querySelectorAll("#points tbody tr:not([hidden])")].map(({ dataset }) => {
    const point = Number(dataset.point);
    const values = header.slice(named.length).map((column) => figureOf(column, point));
    return [...named.map((column) => (column === "dims" ? COLUMNS.dims[point] ?? "" : cell(nameOf(column, point)))), ...values.map((v) => (Number.isNaN(v) ? "" : v))].join(",");
  });
  return [header.map(cell).join(","), ...lines].join("\r\n") + "\r\n";
}

function download() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
  link.download = "points.csv";
  link.click();
  URL.revokeObjectURL(link.href);
}

function renderRankings() {
  for (const table of document.querySelectorAll("[data-ranking]")) {
    table.hidden = table.dataset.ranking !== `${state.scope} ${state.measure}`;
  }
  for (const table of document.querySelectorAll("[data-heat]")) table.hidden = table.dataset.heat !== String(state.scope);
}

function renderCrossings() {
  for (const cell of document.querySelectorAll("[data-crossing]")) {
    const [tokensPerSecond, machine, hosted] = JSON.parse(cell.dataset.crossing);
    const perHour = state.prices.usd_per_hour[machine] ?? NaN;
    const month = perHour * HOURS_PER_MONTH;
    const isNever = month * 1e6 > tokensPerSecond * 3600 * HOURS_PER_MONTH * hosted;
    const met = isNever ? "never" : `from ${millions((month / hosted) * 1e6)} million tokens a month`;
    cell.textContent = Number.isNaN(month) ? "–" : met;
  }
}

function millions(tokens) {
  return (tokens / 1e6).toLocaleString("en-US", { maximumFractionDigits: 0 });
}
