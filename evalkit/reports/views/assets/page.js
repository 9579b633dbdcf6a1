// What the reader does, and what is drawn anew for it.
"use strict";

function render() {
  const all = rows();
  const left = rowsLeft(all);
  renderSentence(left);
  renderAnswers(left);
  renderChart(left, all.length);
  renderTable();
  renderRankings();
  renderCrossings();
  renderRetained(left, all);
  renderThroughput(left);
  renderBars("latency", left, ["encode_query_ms_p50", "search_ms_p50_at_workload"], ["encoding the query", "search"]);
  renderBars("parts", left, ["cost_embed_month_usd", "cost_storage_month_usd", "cost_queries_month_usd"], ["embedding", "storage", "queries"]);
}

function set(path, value) {
  const keys = JSON.parse(path);
  const holder = keys.slice(0, -1).reduce((place, key) => place[key], state);
  holder[keys.at(-1)] = value;
}

// Takes a field's number over into the state; false, and marked so, where it is none.
function take(input) {
  const value = input.value === "" ? null : Number(input.value);
  const isValid = input.checkValidity() && (value !== null || input.dataset.optional === "true");
  input.setAttribute("aria-invalid", String(!isValid));
  if (!isValid) return false;
  set(input.dataset.whatIf, value);
  const slider = document.querySelector(`input[type=range][data-of="${input.id}"]`);
  if (slider && value > 0) slider.value = Math.log10(value);
  return true;
}

// The most that a figure may be; an empty field is no limit.
function limit(input) {
  const isValid = input.checkValidity();
  input.setAttribute("aria-invalid", String(!isValid));
  if (!isValid) return;
  state.limits[input.dataset.limit] = input.value === "" ? null : Number(input.value);
  render();
}

function followQueries() {
  if (Object.keys(DATA.queries).length) openQueries();
}

function whatIf(...inputs) {
  if (inputs.map(take).some(Boolean)) {
    modelAllPoints();
    render();
  }
}

// Marks a block's text, and copies it where the browser lets a page do so.
function copy(button) {
  const block = document.getElementById(button.dataset.copies);
  getSelection().selectAllChildren(block);
  navigator.clipboard?.writeText(block.textContent).then(
    () => { button.textContent = "Copied"; },
    () => {},
  );
}

function listen() {
  for (const button of document.querySelectorAll("[data-copies]")) button.addEventListener("click", () => copy(button));
  for (const id of ["scope", "measure", "x"]) {
    document.getElementById(id).addEventListener("change", ({ target }) => {
      state[id] = id === "scope" ? Number(target.value) : target.value;
      render();
      if (id === "scope") followQueries();
    });
  }
  document.getElementById("find").addEventListener("input", ({ target }) => {
    state.find = target.value.toLowerCase();
    renderTable();
  });
  for (const id of ["log", "zero"]) {
    document.getElementById(id).addEventListener("change", ({ target }) => {
      state[id] = target.checked;
      render();
    });
  }
  for (const input of document.querySelectorAll("[data-limit]")) {
    input.addEventListener("input", () => limit(input));
  }
  for (const box of document.querySelectorAll("[data-column]")) box.addEventListener("change", renderColumns);
  for (const box of document.querySelectorAll("[data-filter]")) {
    box.addEventListener("change", () => {
      state.hidden[box.dataset.filter][box.checked ? "delete" : "add"](box.value);
      render();
    });
  }
  for (const input of document.querySelectorAll("[data-what-if]")) {
    input.addEventListener("input", () => whatIf(input));
  }
  for (const slider of document.querySelectorAll("input[type=range][data-of]")) {
    slider.addEventListener("input", () => {
      const input = document.getElementById(slider.dataset.of);
      input.value = Math.round(Number((10 ** Number(slider.value)).toPrecision(2)));
      whatIf(input);
    });
  }
  document.getElementById("what-if").addEventListener("reset", () => {
    setTimeout(() => whatIf(...document.querySelectorAll("[data-what-if]")));
  });
  document.getElementById("what-if").addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("chart").addEventListener("keydown", walk);
  document.getElementById("download").addEventListener("click", download);
  if (Object.keys(DATA.queries).length) {
    document.getElementById("queries-corpus").addEventListener("change", fillSettings);
    for (const id of ["queries-a", "queries-b", "queries-order"]) document.getElementById(id).addEventListener("change", renderQueries);
    document.getElementById("queries-more").addEventListener("click", () => {
      shownQueries += MOST_QUERIES;
      renderQueries();
    });
    openQueries();
  }
  let width = document.body.clientWidth;
  new ResizeObserver(() => {
    if (document.body.clientWidth !== width) render();
    width = document.body.clientWidth;
  }).observe(document.body);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", render);
}

document.documentElement.classList.add("js");
modelAllPoints();
renderColumns();
render();
listen();
