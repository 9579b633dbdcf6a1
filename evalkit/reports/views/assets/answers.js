// The answer in words and the Pareto front: twins of answers.py, for the reader's own prices and volumes.
"use strict";

const QUESTIONS = { cheapest: "cost_month_usd", smallest: "bytes_per_document", fastest: "query_ms_p95_at_workload" };
const COMPARATIVES = { cheapest: "cheaper", smallest: "smaller", fastest: "faster" };
const MODELLED = ["cost_month_usd", "query_ms_p95_at_workload"];
const BEST = "best quality";
const STANDARDS = {
  shown: (row, best) => row === best || (row.loss !== null && row.loss <= DATA.within),
  possible: (row, best) => row === best || (row.p !== null && row.p > DATA.alpha),
};

function bestOf(all) {
  return all.reduce((best, row) => (row.quality > (best?.quality ?? -Infinity) ? row : best), null);
}

function answers(all) {
  const best = bestOf(all);
  const list = [{ key: BEST, question: BEST, standard: null, column: null, row: best }];
  if (!best) return list;
  for (const [question, column] of Object.entries(QUESTIONS)) {
    for (const [standard, isGood] of Object.entries(STANDARDS)) {
      const fitting = all.filter((row) => isGood(row, best) && !Number.isNaN(row.mean(column)));
      fitting.sort((a, b) => a.mean(column) - b.mean(column) || b.quality - a.quality);
      list.push({ key: `${question} ${standard}`, question, standard, column, row: fitting[0] ?? null });
    }
  }
  return list;
}

function words({ column, row }) {
  if (!row) return { setting: column ? `not known: nothing that is good enough has ${column}` : "not known" };
  return {
    setting: settingName(row.point),
    figure: column ? figureText(column, row.mean(column)) : "",
    quality: `${state.measure} ${row.quality.toFixed(4)}${intervalText(row)}`,
  };
}

function modelledFrom(column, row) {
  const [from, to] = ["modelled_from", "modelled_to"].map((name) => measured(name, row.point));
  if (!MODELLED.includes(column) || Number.isNaN(to)) return [];
  return [`modelled for ${whole(state.workload.documents)} documents from ${whole(from)} – ${whole(to)}`];
}

function atSize(row) {
  const size = measured("overlap_size", row.point);
  if (Number.isNaN(size)) return [];
  const share = percent(row.mean("overlap@10_at_size"));
  return [
    `quality measured among ${whole(row.mean("documents"))} documents; among ${whole(size)} vectors it finds ` +
      `${share} of what exact search does`,
  ];
}

function whole(value) {
  return value.toLocaleString("en-US", { maximumFractionDigits: 0 });
}

function standing({ question, standard, row }, all) {
  const best = bestOf(all);
  if (row.p === null) return ["not tested: per-query values are missing"];
  if (row === best) {
    if (standard !== "shown" || all.length < 2) return bestAmong(all);
    return [`nothing ${COMPARATIVES[question]} is shown to lose at most ${percent(DATA.within)}`];
  }
  const below = (best.quality - row.quality).toFixed(4);
  const isAlike = row.p > DATA.alpha;
  return [
    isAlike ? `can't be told apart from the best (${below} below it)` : `shown to be worse than the best (${below} below it)`,
    `loses at most ${atMost(row.loss)}`,
  ];
}

function bestAmong(all) {
  const others = all.length - 1;
  const compared = all.filter((row) => row.p !== null).length - 1;
  const alike = all.filter((row) => row.p !== null && row.p > DATA.alpha).length - 1;
  const texts = [];
  if (!others) return texts;
  if (alike) texts.push(`${alike} of ${others} other settings can't be told apart from it`);
  else if (compared === others) texts.push("every other setting is shown to be worse");
  else if (compared) texts.push(`all of the ${compared} others that were compared are shown to be worse`);
  if (compared < others) texts.push(`${others - compared} of ${others} were not compared: per-query values are missing`);
  const chance = DATA.scopes[state.scope].certainty[state.measure].chance.toFixed(4);
  if (compared) texts.push(`as the best of ${compared + 1} on the same queries it may look up to ${chance} too good`);
  return texts;
}

function atMost(loss) {
  return `${(Math.ceil(1000 * loss - 1e-9) / 10).toFixed(1)}%`;
}

function paretoFront(all, column) {
  const better = DATA.higher_is_better.includes(column) ? -1 : 1;
  const known = all.filter((row) => !Number.isNaN(row.mean(column)) && !Number.isNaN(row.quality));
  known.sort((a, b) => better * (a.mean(column) - b.mean(column)) || b.quality - a.quality);
  let last = null;
  return known.filter((row) => {
    const equal = last && row.quality === last.quality && row.mean(column) === last.mean(column);
    const isOn = !last || row.quality > last.quality || equal;
    if (isOn) last = row;
    return isOn;
  });
}

function renderAnswers(all) {
  for (const answer of answers(all)) {
    const said = { ...words(answer), standing: answer.row ? [...standing(answer, all), ...modelledFrom(answer.column, answer.row), ...atSize(answer.row)].join("; ") : "" };
    for (const place of document.querySelectorAll(`[data-question="${answer.key}"] [data-part]`)) {
      place.textContent = said[place.dataset.part] ?? "";
    }
  }
}
