// What the reader does, and what is drawn anew for it.
"use strict";

function render() {
  const all = rows();
  renderAnswers(all);
  renderChart(all);
  renderTable();
  renderRankings();
  renderCrossings();
  renderRetained(all);
  renderThroughput(all);
  renderBars("latency", all, ["encode_query_ms_p50", "search_ms_p50_at_workload"]);
  renderBars("parts", all, ["cost_embed_month_usd", "cost_storage_month_usd", "cost_queries_month_usd"]);
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

function whatIf(...inputs) {
  if (inputs.map(take).some(Boolean)) {
    modelAllPoints();
    render();
  }
}

function listen() {
  for (const id of ["scope", "measure", "x"]) {
    document.getElementById(id).addEventListener("change", ({ target }) => {
      state[id] = id === "scope" ? Number(target.value) : target.value;
      render();
    });
  }
  document.getElementById("find").addEventListener("input", ({ target }) => {
    state.find = target.value.toLowerCase();
    renderTable();
  });
  document.getElementById("log").addEventListener("change", ({ target }) => {
    state.log = target.checked;
    render();
  });
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
    for (const id of ["queries-a", "queries-b"]) document.getElementById(id).addEventListener("change", renderQueries);
    fillSettings();
  }
  new ResizeObserver(() => Object.values(charts).forEach((chart) => chart.resize())).observe(document.body);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", render);
}

document.documentElement.classList.add("js");
modelAllPoints();
render();
listen();
