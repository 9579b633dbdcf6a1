// The answer in one sentence: the twin of sentence.py, for what the reader left in and for the reader's own prices.
"use strict";

const COST = "cost_month_usd";
const PRICE = DATA.price; // what the cheapest of equally good settings is told by

function sentence(left) {
  const best = bestOf(left);
  if (!left.length) return { row: null, answer: "No setting is left: loosen a filter or a limit.", howSure: "" };
  if (!best) return { row: null, answer: `No setting has ${state.measure}.`, howSure: "" };
  const row = recommended(left, best);
  const of = row.i === best.i
    ? `the best quality (${state.measure} ${best.quality.toFixed(4)})${itsCost(row)}`
    : `${percent(row.quality / best.quality)} of the best quality${shareOfCost(row, best)}`;
  return { row, answer: `Use ${advice(row.point)}: ${of}.`, howSure: howSure(row, best, left) };
}

function recommended(left, best) {
  const { within } = DATA;
  const isGood = (row) => row.i === best.i || ((row.alike || (row.loss !== null && row.loss <= within)) && row.quality >= (1 - within) * best.quality);
  const fitting = left.filter((row) => isGood(row) && !Number.isNaN(row.mean(PRICE)));
  if (!fitting.length) return left.find((row) => row.i === best.i);
  fitting.sort((a, b) => a.mean(PRICE) - b.mean(PRICE) || b.quality - a.quality);
  return fitting[0];
}

function itsCost(row) {
  const cost = row.mean(PRICE);
  if (Number.isNaN(cost)) return "";
  return !DATA.searches ? `, at ${whole(cost)} bytes per vector` : `, for ${dollars(cost)} a month ${forWorkload()}`;
}

function shareOfCost(row, best) {
  const [cost, ofBest] = [row.mean(PRICE), best.mean(PRICE)];
  if (!DATA.searches) {
    const part = ofBest > 0 ? ` in ${percent(cost / ofBest)} of its bytes` : "";
    return `${part} (${whole(cost)} instead of ${whole(ofBest)} per vector)`;
  }
  if (Number.isNaN(ofBest)) return `${itsCost(row)}; what the best costs is not known`;
  const share = ofBest > 0 ? ` for ${percent(cost / ofBest)} of its cost` : "";
  return `${share} (${dollars(cost)} instead of ${dollars(ofBest)} a month ${forWorkload()})`;
}

function forWorkload() {
  return `for ${counted(state.workload.documents)} documents and ${counted(state.workload.queries_per_month)} queries`;
}

function howSure(row, best, left) {
  if (othersOf(left) < 1) return isFiltered() ? "It is the only setting that is left." : "It is the only setting that was measured.";
  if (row.alike === null) return `Not tested: ${whyUntested()}.`;
  if (row.i === best.i) {
    const alike = alikeOf(left);
    if (alike) return `${alike} ${alike === 1 ? "other setting is" : "other settings are"} not shown to be worse${canShow(best)}.`;
    if (!comparedOf(left)) return `No other setting was compared with it: ${isFiltered() ? whyUntested() : "their per-query values are missing"}.`;
    return "Every other setting that was compared is shown to be worse.";
  }
  const loss = bound(row.loss);
  if (row.loss <= DATA.within) return `It is shown to lose at most ${loss} (${percent(1 - DATA.alpha)} confidence).`;
  if (row.alike) return `It may be just as good as the best, and loses at most ${loss}${canShow(best)}.`;
  return `It is shown to be worse than the best, and loses at most ${loss}.`;
}

function canShow(best) {
  const spread = typicalSpread(best);
  if (spread === null) return "";
  const { clusters, critical } = certaintyNow();
  const smallest = smallestShown(clusters, spread, critical);
  const wanted = DATA.within * best.quality;
  const seen = smallest === null ? "can show no difference at all" : `can show only differences above ${short(smallest)}`;
  const more = wanted > 0 ? `; about ${about(queriesFor(wanted, spread, critical))} would show ${short(wanted)}` : "";
  return `: ${whole(clusters)} independent ${DATA.items} ${seen}${more}`;
}

function short(value) {
  return String(Number(value.toPrecision(2)));
}

function hasFewQueries(left) {
  const { clusters } = certaintyNow();
  return clusters > 0 && clusters < DATA.few_queries && othersOf(left) > 0;
}

function renderSentence(left) {
  const said = sentence(left);
  const sure = document.getElementById("how-sure");
  document.getElementById("answer").textContent = said.answer;
  sure.textContent = said.howSure;
  sure.classList.toggle("few", hasFewQueries(left));
  document.getElementById("basis").textContent = `Settings are ranked by ${state.measure} on ${DATA.scopes[state.scope].words}.`;
  const recipe = document.getElementById("recipe");
  if (recipe) recipe.hidden = !said.row || advice(said.row.point) !== recipe.dataset.setting;
  document.getElementById("conservative").hidden = !isFiltered();
}
