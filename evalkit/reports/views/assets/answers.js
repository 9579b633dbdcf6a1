// The answers in words and the Pareto front: twins of answers.py, for what is left in and for the reader's own prices.
"use strict";

const QUESTIONS = DATA.questions;
const COMPARATIVES = { cheapest: "cheaper", smallest: "smaller", fastest: "faster" };
const FIGURE_OF = { cheapest: "cost", smallest: "size", fastest: "time among so many documents" };
const BEST = "best quality";
const STANDARDS = {
  shown: (row, best) => row.i === best.i || (row.loss !== null && row.loss <= DATA.within),
  possible: (row, best) => row.i === best.i || row.alike === true,
};

function answers(left) {
  const best = bestOf(left);
  const list = [{ key: BEST, question: BEST, standard: null, column: null, row: best }];
  for (const [question, column] of Object.entries(QUESTIONS)) {
    for (const [standard, isGood] of Object.entries(STANDARDS)) {
      const good = best ? left.filter((row) => isGood(row, best)) : [];
      const fitting = good.filter((row) => !Number.isNaN(row.mean(column)));
      fitting.sort((a, b) => a.mean(column) - b.mean(column) || b.quality - a.quality);
      const unknown = good.length - fitting.length;
      list.push({ key: `${question} ${standard}`, question, standard, column, row: fitting[0] ?? null, unknown });
    }
  }
  return list;
}

// The answers that say something of their own.
function cards(found) {
  const best = found[0].row;
  if (!best) return found.slice(0, 1);
  const rowOf = (question) => found.find(({ key }) => key === `${question} shown`).row;
  const isShownApart = (question) => rowOf(question) !== null && rowOf(question).i !== best.i;
  return found.filter(({ question, standard, row }) => {
    if (standard === "shown") return isShownApart(question);
    return !(standard === "possible" && isShownApart(question) && row?.i === rowOf(question).i);
  });
}

// Row number → what it answers, as the chart labels it.
function chartLabels(displayed, chosen) {
  const named = new Map(chosen ? [[chosen.i, ["recommended"]]] : []);
  for (const { key, question, row } of displayed) {
    if (!row) continue;
    const isAlone = displayed.filter((other) => other.question === question).length === 1;
    const name = question === BEST ? "best" : isAlone ? question : key;
    named.set(row.i, [...(named.get(row.i) ?? []), name]);
  }
  return new Map([...named].map(([i, names]) => [i, names.join(", ")]));
}

function nothingShown(found, left) {
  const best = found[0].row;
  if (!best || !comparedOf(left)) return "";
  const lacking = found.filter(({ standard, row }) => standard === "shown" && row?.i === best.i);
  const names = joined(lacking.map(({ question }) => COMPARATIVES[question]));
  return lacking.length ? `Nothing ${names} is shown to lose at most ${percent(DATA.within)} of the best.` : "";
}

function words(answer, left) {
  const { column, row } = answer;
  if (!row) return { setting: column ? `not known: nothing that is good enough has ${column}` : "not known" };
  const best = bestOf(left);
  const mean = `${state.measure} ${number(row.quality, "")}`;
  const share = row.i === best.i ? "" : `, ${percent(row.quality / best.quality)} of the best`;
  return {
    setting: settingName(row.point),
    figure: column ? figureText(column, row.mean(column)) : mean,
    quality: `${mean}${intervalText(row)}${share}`,
    price: DATA.searches ? known(COST, row, "") || "no monthly cost: not all behind it is known" : "",
    size: sized(row),
    speed: DATA.searches ? timed(row) : "",
    standing: [...standing(answer, left), ...unknownOf(answer), ...atSize(row)].join("; "),
  };
}

function known(column, row, ofWhat) {
  const value = row.mean(column);
  return Number.isNaN(value) ? "" : figureText(column, value) + ofWhat;
}

function sized(row) {
  return known(QUESTIONS.smallest, row, DATA.searches ? " a document" : " a vector");
}

function timed(row) {
  const among = (documents) => ` for a whole query (p95) among ${counted(documents)} documents`;
  const atWorkload = known(QUESTIONS.fastest, row, among(state.workload.documents));
  const [from, to] = ["modelled_from", "modelled_to"].map((name) => measured(name, row.point));
  if (atWorkload && !Number.isNaN(to)) return `${atWorkload}, modelled from ${whole(from)} – ${whole(to)}`;
  return atWorkload || known("query_ms_p95", row, among(Math.trunc(row.mean("documents"))));
}

function unknownOf({ question, unknown }) {
  if (!unknown) return [];
  const others = unknown === 1 ? "1 other as good has" : `${whole(unknown)} others as good have`;
  return [`${others} no known ${FIGURE_OF[question]}`];
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

function standing({ question, standard, row }, left) {
  const best = bestOf(left);
  if (row.alike === null) return [`not tested: ${whyUntested()}`];
  if (row.i === best.i) {
    if (standard !== "shown" || othersOf(left) < 1) return bestAmong(left);
    return [`nothing ${COMPARATIVES[question]} is shown to lose at most ${percent(DATA.within)}`];
  }
  const below = (best.quality - row.quality).toFixed(4);
  return [
    row.alike ? `may be just as good as the best (${below} below it)` : `shown to be worse than the best (${below} below it)`,
    `loses at most ${bound(row.loss)}`,
  ];
}

function bestAmong(left) {
  const [others, compared, alike] = [othersOf(left), comparedOf(left), alikeOf(left)];
  if (others < 1) return [`the only setting that ${isFiltered() ? "is left" : "was measured"}`];
  const texts = [];
  if (alike) texts.push(`${alike} of ${others} other ${others === 1 ? "setting" : "settings"} may be just as good`);
  else if (compared === others) texts.push("every other setting is shown to be worse");
  else if (compared) texts.push(`${compared === 1 ? "the one that was compared is" : `all ${compared} that were compared are`} shown to be worse`);
  const missing = others - compared;
  if (missing) texts.push(`${missing} of ${others} ${missing === 1 ? "was" : "were"} not compared: ${whyUntested()}`);
  const { chance, order } = certaintyNow();
  if (compared) texts.push(`may look up to ${chance.toFixed(4)} better than it is, as the best of ${order.length} on the same ${DATA.items}`);
  return texts;
}

function paretoFront(some, column) {
  const better = DATA.higher_is_better.includes(column) ? -1 : 1;
  const known = some.filter((row) => !Number.isNaN(row.mean(column)) && !Number.isNaN(row.quality));
  known.sort((a, b) => better * (a.mean(column) - b.mean(column)) || b.quality - a.quality);
  let last = null;
  return known.filter((row) => {
    const equal = last && row.quality === last.quality && row.mean(column) === last.mean(column);
    const isOn = !last || row.quality > last.quality || equal;
    if (isOn) last = row;
    return isOn;
  });
}

function renderAnswers(left) {
  const found = answers(left);
  const displayed = new Set(cards(found).map(({ key }) => key));
  for (const card of document.querySelectorAll("[data-question]")) {
    const answer = found.find(({ key }) => key === card.dataset.question);
    const said = words(answer, left);
    card.hidden = !displayed.has(answer.key);
    for (const place of card.querySelectorAll("[data-part]")) place.textContent = said[place.dataset.part] ?? "";
  }
  document.getElementById("answers").classList.toggle("few", hasFewQueries(left));
  document.getElementById("nothing-shown").textContent = nothingShown(found, left);
}
