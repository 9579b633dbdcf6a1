// The page's data, and the figures of points and settings as the reader's what-if makes them.
"use strict";

const DATA = JSON.parse(document.getElementById("data").textContent);
const COLUMNS = DATA.columns;
const MS_PER_HOUR = 3.6e6;
const HOURS_PER_MONTH = 730;

// What the reader can change. `hidden` holds the names that a filter leaves out, `limits` the most a figure may be.
const state = {
  scope: 0,
  measure: DATA.measure,
  x: DATA.cost,
  log: true,
  zero: false,
  workload: { ...DATA.workload },
  prices: {
    usd_per_hour: { ...DATA.prices.usd_per_hour },
    usd_per_million_tokens: { ...DATA.prices.usd_per_million_tokens },
    usd_per_gb_month: DATA.prices.usd_per_gb_month,
  },
  find: "",
  hidden: { model: new Set(), dims: new Set(), quantization: new Set(), index: new Set() },
  limits: { query_ms_p95_at_workload: null, bytes_per_document: null, cost_month_usd: null },
};

let modelledOfPoints = {};

function nameOf(column, point) {
  return column === "dims" ? String(COLUMNS.dims[point] ?? DATA.no_vectors) : DATA.names[column][COLUMNS[column][point]];
}

function measured(column, point) {
  return COLUMNS[column]?.[point] ?? NaN;
}

function figureOf(column, point) {
  return modelledOfPoints[column] ? modelledOfPoints[column][point] : measured(column, point);
}

// The twin of TERMS in measures/laws.py: what a law is the sum of, by the number of vectors.
const TRAINING_ROWS = 100000;
const TERMS = {
  one: () => 1,
  root: (n) => Math.sqrt(n),
  root_log: (n) => Math.sqrt(n) * Math.log(n),
  vectors: (n) => n,
  log: (n) => Math.log(n),
  vectors_log: (n) => n * Math.log(n),
  vectors_root: (n) => n * Math.sqrt(n),
  trained: (n) => Math.min(n, TRAINING_ROWS),
  trained_root: (n) => Math.min(n, TRAINING_ROWS) * Math.sqrt(n),
};

// The twin of Law.at.
function lawAt([terms, perDocument, holdsFrom = 0, ownVectors = 0, own = 0], documents) {
  const vectors = documents * perDocument;
  const sum = (n) => Object.entries(terms).reduce((total, [term, factor]) => total + factor * TERMS[term](n), 0);
  if (vectors >= holdsFrom) return sum(vectors);
  if (vectors <= ownVectors) return own;
  return own + ((vectors - ownVectors) / (holdsFrom - ownVectors)) * (sum(holdsFrom) - own);
}

// The twin of at_workload in measures/laws.py: figures at the workload's size.
function atWorkload(point) {
  const total = (name) => {
    const laws = DATA.laws[point][DATA.law_figures.indexOf(name)];
    return laws.length ? laws.reduce((sum, law) => sum + lawAt(law, state.workload.documents), 0) : NaN;
  };
  const figures = {
    search_queries_per_second_at_workload: 1000 / total("batch_ms"),
    build_seconds_at_workload: total("build_seconds"),
    index_bytes_at_workload: total("index_bytes"),
  };
  for (const statistic of ["mean", "p50", "p95"]) {
    const searchMs = total(`search_ms_${statistic}`);
    figures[`search_ms_${statistic}_at_workload`] = searchMs;
    figures[`query_ms_${statistic}_at_workload`] = searchMs + measured(`encode_query_ms_${statistic}`, point);
  }
  return figures;
}

// The formulas of docs/cost.md, for one point.
function costs(point, modelled) {
  const { workload, prices } = state;
  const figure = (column) => modelled[column] ?? measured(column, point);
  const share = (cores) => (Number.isNaN(cores) ? 1 : Math.min(cores / figure("cores"), 1));
  const perHour = prices.usd_per_hour[nameOf("machine", point)] ?? NaN;
  const hosted = prices.usd_per_million_tokens[nameOf("priced_as", point)] ?? NaN;
  const tokens = workload.documents * (workload.tokens_per_document ?? figure("tokens_per_document"));
  const queryTokens = workload.queries_per_month * (workload.tokens_per_query ?? figure("tokens_per_query"));
  const isHosted = measured("is_hosted", point) === 1;
  const ofTokens = tokens / figure("tokens_per_second");
  const isCounted = !Number.isNaN(ofTokens) || workload.tokens_per_document !== null;
  const seconds = isCounted ? ofTokens : workload.documents / figure("documents_per_second");
  const ofEncoding = share(figure("encode_cores"));
  const once = isHosted ? (tokens / 1e6) * hosted : (seconds / 3600) * perHour * ofEncoding;
  const encodeMs = isHosted ? 0 : figure("encode_query_ms_mean") * ofEncoding;
  const searchMs = figure("search_ms_mean_at_workload") * share(figure("search_cores"));
  const busyHours = (workload.queries_per_month * (encodeMs + searchMs)) / MS_PER_HOUR;
  const always = workload.machine_hours_per_month * workload.replicas;
  const hours = Number.isNaN(busyHours) ? NaN : Math.max(busyHours, always);
  const shares = 1 / workload.write_off_months + workload.reembeddings_per_year / 12;
  const embed = once * (shares + workload.changed_documents_per_month / workload.documents);
  const keptGb = (workload.replicas * figure("index_bytes_at_workload")) / 1e9;
  const paidGb = ((hours || 0) / HOURS_PER_MONTH) * figure("ram_gb");
  const storage = Math.max(keptGb - paidGb, 0) * prices.usd_per_gb_month;
  const queries = (isHosted ? (queryTokens / 1e6) * hosted : 0) + hours * perHour;
  return {
    cost_embed_once_usd: once,
    cost_embed_month_usd: embed,
    cost_storage_month_usd: storage,
    cost_queries_month_usd: queries,
    cost_month_usd: embed + storage + queries,
  };
}

function modelAllPoints() {
  const figures = COLUMNS.dims.map((_, point) => {
    const modelled = atWorkload(point);
    return { ...modelled, ...costs(point, modelled) };
  });
  modelledOfPoints = Object.fromEntries(DATA.modelled.map((column) => [column, figures.map((point) => point[column])]));
}

function isShown(point) {
  return Object.entries(state.hidden).every(([column, names]) => !names.has(nameOf(column, point)));
}

function meetsLimits(figure) {
  return Object.entries(state.limits).every(([column, most]) => most === null || figure(column) <= most);
}

function isFiltered() {
  return Object.values(state.hidden).some((names) => names.size) || Object.values(state.limits).some((most) => most !== null);
}
