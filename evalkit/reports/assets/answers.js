// The answer in words and the Pareto front: twins of answers.py, for the reader's own prices and volumes.
"use strict";

const QUESTIONS = { cheapest: "cost_month_usd", smallest: "bytes_per_document", fastest: "query_ms_p95" };

function bestOf(all) {
  return all.reduce((best, row) => (row.quality > (best?.quality ?? -Infinity) ? row : best), null);
}

function answers(all) {
  const best = bestOf(all);
  if (!best) return [{ question: "best quality", column: null, row: null }];
  const good = all.filter((row) => row.quality >= (1 - DATA.within) * best.quality);
  const found = Object.entries(QUESTIONS).map(([question, column]) => {
    const fitting = good.filter((row) => !Number.isNaN(row.mean(column)));
    fitting.sort((a, b) => a.mean(column) - b.mean(column) || b.quality - a.quality);
    return { question, column, row: fitting[0] ?? null };
  });
  return [{ question: "best quality", column: null, row: best }, ...found];
}

function words({ column, row }) {
  if (!row) return { setting: column ? `not known: nothing that is good enough has ${column}` : "not known" };
  return {
    setting: settingName(row.point),
    figure: column ? figureText(column, row.mean(column)) : "",
    quality: `${state.measure} ${row.quality.toFixed(4)}${intervalText(row)}`,
  };
}

function standing(row, all) {
  const best = bestOf(all);
  if (row.p === null) return "not tested: per-query values are missing";
  if (row === best) {
    const others = all.filter((each) => each.p !== null && each.p >= DATA.alpha).length - 1;
    if (!others) return "every other setting is shown to be worse";
    return `${others} of ${all.length - 1} other settings can't be told apart from it`;
  }
  const below = best.quality - row.quality;
  if (row.p >= DATA.alpha) return `can't be told apart from the best (${below.toFixed(4)} below it)`;
  return `shown to be ${below.toFixed(4)} worse than the best (${((100 * below) / best.quality).toFixed(1)}%)`;
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
    const said = { ...words(answer), standing: answer.row ? standing(answer.row, all) : "" };
    for (const place of document.querySelectorAll(`[data-question="${answer.question}"] [data-part]`)) {
      place.textContent = said[place.dataset.part] ?? "";
    }
  }
}
