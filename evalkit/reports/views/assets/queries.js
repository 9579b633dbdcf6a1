// Query by query: what one setting wins and loses against another.
"use strict";

const MOST_QUERIES = 20;
const UNKNOWN_VALUE = 65535;
const SCALE = 10000;
const unpacked = {};

async function valuesOf(corpus) {
  if (!unpacked[corpus]) {
    const bytes = Uint8Array.from(atob(DATA.queries[corpus].values), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    unpacked[corpus] = new Uint16Array(await new Response(stream).arrayBuffer());
  }
  return unpacked[corpus];
}

function fillSettings() {
  const corpus = document.getElementById("queries-corpus").value;
  const { points } = DATA.queries[corpus];
  const chosen = answers(rows()).map(({ row }) => row?.members).filter(Boolean);
  for (const [id, members] of [["queries-a", chosen[0]], ["queries-b", chosen[1] ?? chosen[0]]]) {
    const select = document.getElementById(id);
    select.replaceChildren(...points.map((point) => new Option(settingName(point), point, false, members?.includes(point))));
  }
  return renderQueries();
}

async function renderQueries() {
  const corpus = document.getElementById("queries-corpus").value;
  const { ids, texts, points } = DATA.queries[corpus];
  const values = await valuesOf(corpus);
  const [a, b] = ["queries-a", "queries-b"].map((id) => points.indexOf(Number(document.getElementById(id).value)));
  const compared = ids.map((id, i) => {
    const [before, after] = [values[a * ids.length + i], values[b * ids.length + i]].map((value) => value / SCALE);
    return { id, text: texts[i], before, after, change: after - before };
  });
  const count = (test) => compared.filter(({ change }) => test(change)).length;
  document.getElementById("queries-note").textContent =
    `B against A by ${DATA.measure}: ${count((c) => c > 0)} won, ${count((c) => c === 0)} equal, ${count((c) => c < 0)} lost.`;
  const most = compared.filter(({ change }) => change !== 0).sort((x, y) => Math.abs(y.change) - Math.abs(x.change));
  document.querySelector("#queries tbody").replaceChildren(
    ...most.slice(0, MOST_QUERIES).map(({ id, text, before, after, change }) => {
      const row = document.createElement("tr");
      const cells = [id, text, before.toFixed(4), after.toFixed(4), `${change > 0 ? "+" : ""}${change.toFixed(4)}`];
      for (const value of cells) row.insertCell().textContent = value;
      return row;
    }),
  );
}
