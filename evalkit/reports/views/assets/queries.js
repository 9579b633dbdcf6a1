// Query by query: what one setting wins and loses against another, and what each of them found.
"use strict";

const MOST_QUERIES = 20;
const UNKNOWN_VALUE = 65535;
const SCALE = 10000;
const unpacked = {};
const ORDERS = {
  lost: (x, y) => x.change - y.change,
  won: (x, y) => y.change - x.change,
  changed: (x, y) => Math.abs(y.change) - Math.abs(x.change),
};
let shownQueries = MOST_QUERIES;

async function unzipped(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint16Array(await new Response(stream).arrayBuffer());
}

async function numbersOf(corpus) {
  unpacked[corpus] ??= Promise.all([unzipped(DATA.queries[corpus].values), unzipped(DATA.queries[corpus].ranks)]);
  return unpacked[corpus];
}

// The corpus of the answer, the best setting, and beside it the recommended one, or the second best.
function openQueries() {
  const corpora = [...scopeCorpora()];
  const select = document.getElementById("queries-corpus");
  select.value = corpora.find((name) => DATA.queries[name]) ?? select.value;
  return fillSettings();
}

function fillSettings() {
  const { points } = DATA.queries[document.getElementById("queries-corpus").value];
  const left = rowsLeft(rows());
  const pointOf = (row) => row?.members.find((point) => points.includes(point));
  const byQuality = [...left].sort((x, y) => y.quality - x.quality).map(pointOf);
  const wanted = [bestOf(left), sentence(left).row].map(pointOf);
  const known = [...new Set([...wanted, ...byQuality, ...points])].filter((point) => point !== undefined);
  for (const [id, chosen] of [["queries-a", known[0]], ["queries-b", known[1] ?? known[0]]]) {
    document.getElementById(id).replaceChildren(...points.map((point) => new Option(settingName(point), point, false, point === chosen)));
  }
  return renderQueries();
}

// The first documents of a setting for one query, those that are judged relevant marked; null where nobody kept them.
function foundFor(corpus, point, query, firstRank) {
  const { found, judged, documents } = DATA.queries[corpus];
  if (!found[point]) return null;
  return found[point][query].map((place, i) => ({
    id: documents[place],
    isRelevant: judged ? judged[query].includes(place) : i + 1 === firstRank,
  }));
}

function documentList(list) {
  if (list === null) return element("span", "note", "not kept");
  const made = element("ol", "found");
  for (const { id, isRelevant } of list) made.append(element("li", isRelevant ? "relevant" : "", isRelevant ? `${id} ✓` : id));
  return made;
}

function rankText(rank) {
  return rank === UNKNOWN_VALUE ? "–" : rank === 0 ? "not found" : String(rank);
}

async function renderQueries() {
  const corpus = document.getElementById("queries-corpus").value;
  const { ids, texts, points } = DATA.queries[corpus];
  const [values, ranks] = await numbersOf(corpus);
  const chosen = ["queries-a", "queries-b"].map((id) => Number(document.getElementById(id).value));
  const [a, b] = chosen.map((point) => points.indexOf(point));
  const compared = ids.map((id, i) => {
    const [before, after] = [a, b].map((row) => values[row * ids.length + i] / SCALE);
    return { i, id, text: texts[i], before, after, change: after - before, ranks: [a, b].map((row) => ranks[row * ids.length + i]) };
  });
  const count = (test) => compared.filter(({ change }) => test(change)).length;
  document.getElementById("queries-note").textContent = a === b
    ? "A and B are the same setting: choose another."
    : `B against A by ${DATA.measure}: ${count((c) => c > 0)} won, ${count((c) => c === 0)} equal, ${count((c) => c < 0)} lost.`;
  document.getElementById("queries-kept").textContent = whatIsKept(corpus, chosen);
  const isKnown = chosen.some((point) => DATA.queries[corpus].found[point]);
  document.getElementById("queries").classList.toggle("without-documents", !isKnown);
  const most = compared.filter(({ change }) => change !== 0).sort(ORDERS[document.getElementById("queries-order").value]);
  document.getElementById("queries-more").hidden = most.length <= shownQueries;
  document.querySelector("#queries tbody").replaceChildren(...most.slice(0, shownQueries).map((query) => queryRow(corpus, chosen, query)));
}

function queryRow(corpus, chosen, { i, id, text, before, after, change, ranks }) {
  const row = document.createElement("tr");
  const asked = row.insertCell();
  asked.append(element("span", "", text || id), ...(text ? [element("span", "note query-id", id)] : []));
  for (const value of [before.toFixed(4), after.toFixed(4), `${change > 0 ? "+" : ""}${change.toFixed(4)}`, `${rankText(ranks[0])} → ${rankText(ranks[1])}`]) {
    row.insertCell().textContent = value;
  }
  chosen.forEach((point, side) => row.insertCell().append(documentList(foundFor(corpus, point, i, ranks[side]))));
  return row;
}

function whatIsKept(corpus, chosen) {
  const { found, judged } = DATA.queries[corpus];
  if (!chosen.every((point) => found[point])) {
    return "Which documents were found is known where runs kept rankings (save_rankings=true), of as many settings as the page has room for.";
  }
  if (judged) return "✓ marks documents that are judged relevant.";
  return "✓ marks the first relevant document; these runs did not keep the others' judgments.";
}
