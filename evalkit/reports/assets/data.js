// The page's data, and the figures of points and settings as the reader's what-if makes them.
"use strict";

const DATA = JSON.parse(document.getElementById("data").textContent);
const COLUMNS = DATA.columns;
const MS_PER_HOUR = 3.6e6;
const HOURS_PER_MONTH = 730;
const SEPARATOR = " · "; // between the parts of a label

// What the reader can change. `hidden` holds the names that a filter leaves out.
const state = {
  scope: 0,
  measure: DATA.measure,
  x: DATA.cost,
  log: true,
  workload: { ...DATA.workload },
  prices: {
    usd_per_hour: { ...DATA.prices.usd_per_hour },
    usd_per_million_tokens: { ...DATA.prices.usd_per_million_tokens },
    usd_per_gb_month: DATA.prices.usd_per_gb_month,
  },
  find: "",
  hidden: { model: new Set(), dims: new Set(), quantization: new Set(), index: new Set() },
};

let costsOfPoints = {};

function nameOf(column, point) {
  return column === "dims" ? String(COLUMNS.dims[point]) : DATA.names[column][COLUMNS[column][point]];
}

function measured(column, point) {
  return COLUMNS[column]?.[point] ?? NaN;
}

function figureOf(column, point) {
  return costsOfPoints[column] ? costsOfPoints[column][point] : measured(column, point);
}

// The formulas of docs/cost.md, for one point.
function costs(point) {
  const { workload, prices } = state;
  const figure = (column) => measured(column, point);
  const perHour = prices.usd_per_hour[nameOf("machine", point)] ?? NaN;
  const hosted = prices.usd_per_million_tokens[nameOf("priced_as", point)] ?? NaN;
  const tokens = workload.documents * (workload.tokens_per_document ?? figure("tokens_per_document"));
  const queryTokens = workload.queries_per_month * (workload.tokens_per_query ?? figure("tokens_per_query"));
  const isHosted = measured("is_hosted", point) === 1;
  const ofTokens = tokens / figure("tokens_per_second");
  const isCounted = !Number.isNaN(ofTokens) || workload.tokens_per_document !== null;
  const seconds = isCounted ? ofTokens : workload.documents / figure("documents_per_second");
  const once = isHosted ? (tokens / 1e6) * hosted : (seconds / 3600) * perHour;
  const busyMs = workload.queries_per_month * figure(isHosted ? "search_ms_mean" : "query_ms_mean");
  const shares = 1 / workload.write_off_months + workload.reembeddings_per_year / 12;
  const embed = once * (shares + workload.changed_documents_per_month / workload.documents);
  const fixedBytes = figure("index_bytes") - figure("documents") * figure("bytes_per_document");
  const bytes = workload.replicas * (fixedBytes + workload.documents * figure("bytes_per_document"));
  const storage = (bytes / 1e9) * prices.usd_per_gb_month;
  const hours = Math.max(busyMs / MS_PER_HOUR, workload.machine_hours_per_month * workload.replicas);
  const queries = (isHosted ? (queryTokens / 1e6) * hosted : 0) + hours * perHour;
  return {
    cost_embed_once_usd: once,
    cost_embed_month_usd: embed,
    cost_storage_month_usd: storage,
    cost_queries_month_usd: queries,
    cost_month_usd: embed + storage + queries,
  };
}

function priceAllPoints() {
  const found = COLUMNS.dims.map((_, point) => costs(point));
  costsOfPoints = Object.fromEntries(DATA.costs.map((column) => [column, found.map((each) => each[column])]));
}

// One row per setting of the chosen scope, as Scope.table makes them: figures are means over its corpora.
function rows() {
  const scope = DATA.scopes[state.scope];
  const { low, high, p_as_good: p, loss_at_most: loss } = scope.certainty[state.measure];
  return scope.members.map((members, i) => {
    const mean = (column) => members.reduce((sum, point) => sum + figureOf(column, point), 0) / members.length;
    const tested = { low: low[i], high: high[i], p: p[i], loss: loss[i] };
    return { members, point: members[0], mean, quality: mean(state.measure), ...tested };
  });
}

function isShown(point) {
  return Object.entries(state.hidden).every(([column, names]) => !names.has(nameOf(column, point)));
}

// The twin of setting_name in scopes.py: a model without vectors has 0 dims.
function settingName(point) {
  const withoutVectors = nameOf("index", point).includes("+") ? ["model", "index"] : ["model"];
  const columns = COLUMNS.dims[point] ? ["model", "dims", "quantization", "index"] : withoutVectors;
  const names = columns.map((column) => nameOf(column, point));
  return names.join(names.some((name) => name.includes(SEPARATOR)) ? SEPARATOR : " ");
}

// Twins of words.py: the same figures in the same words.
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

// The twin of percent.py.
function percent(share) {
  const value = 100 * share;
  const room = 0.05 * Math.min(Math.abs(value), Math.abs(100 - value));
  let digits = 0;
  while (digits < 6 && Math.abs(Number(value.toFixed(digits)) - value) > room) digits += 1;
  return `${value.toFixed(digits)}%`;
}

function intervalText(row) {
  return row.low === null ? "" : ` (${row.low.toFixed(4)} – ${row.high.toFixed(4)})`;
}

function axisLabel(column) {
  return DATA.units[column] ? `${column} [${DATA.units[column]}]` : column;
}
