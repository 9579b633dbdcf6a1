// Settings of the chosen scope, those that filters and limits leave, and how sure they are beside the best of these.
"use strict";

const ALIKE = 1 << 15;
const LOSSES = ALIKE - 1;
const pairsOf = new Map();

function certaintyNow() {
  return DATA.scopes[state.scope].certainty[state.measure];
}

// One row per setting, as Scope.table makes them: figures are means over its corpora.
function rows() {
  const { low, high } = certaintyNow();
  return DATA.scopes[state.scope].members.map((members, i) => {
    const mean = (column) => members.reduce((sum, point) => sum + figureOf(column, point), 0) / members.length;
    return { i, members, point: members[0], mean, quality: mean(state.measure), low: low[i], high: high[i] };
  });
}

// The rows that filters and limits leave, each with what the tests say of it beside the best of them.
function rowsLeft(all) {
  const left = all.filter((row) => isShown(row.point) && meetsLimits(row.mean));
  const best = bestOf(left);
  const overall = bestOf(all);
  const { p_as_good: p, loss_at_most: loss } = certaintyNow();
  return left.map((row) => {
    const asShipped = { alike: p[row.i] === null ? null : p[row.i] > DATA.alpha, loss: loss[row.i] };
    return { ...row, ...(best === overall ? asShipped : beside(row, best)) };
  });
}

// What is known of `row` beside another than the best of all: nulls where it was not tested, or is not on the page.
function beside(row, best) {
  const unknown = { alike: null, loss: null };
  const { pairs, order, spread, places } = tests();
  const [place, reference] = [places.get(row.i), best ? places.get(best.i) : undefined];
  if (place === undefined || reference === undefined) return unknown;
  if (row.i === best.i) return { alike: true, loss: 0 };
  if (place < reference || reference >= spread.length) return unknown;
  const before = reference * (order.length - 1) - (reference * (reference - 1)) / 2;
  const code = pairs[before + place - reference - 1];
  return code === undefined ? unknown : { alike: (code & ALIKE) !== 0, loss: (code & LOSSES) / LOSSES };
}

function tests() {
  const certainty = certaintyNow();
  if (!pairsOf.has(certainty)) {
    const bytes = Uint8Array.from(atob(certainty.pairs), (c) => c.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    const pairs = Uint16Array.from({ length: bytes.length / 2 }, (_, i) => view.getUint16(2 * i, true));
    const places = new Map(certainty.order.map((i, place) => [i, place]));
    pairsOf.set(certainty, { ...certainty, pairs, places });
  }
  return pairsOf.get(certainty);
}

// The spread of a typical setting beside `best`; null where nothing differs or nobody knows.
function typicalSpread(best) {
  const { places, spread } = tests();
  return spread[places.get(best.i)] ?? null;
}

function bestOf(some) {
  return some.reduce((best, row) => (row.quality > (best?.quality ?? -Infinity) ? row : best), null);
}

function othersOf(left) {
  return left.filter((row) => !Number.isNaN(row.quality)).length - 1;
}

function comparedOf(left) {
  return Math.max(left.filter((row) => row.alike !== null).length - 1, 0);
}

function alikeOf(left) {
  return Math.max(left.filter((row) => row.alike).length - 1, 0);
}

function whyUntested() {
  return isFiltered() ? "the page has no test against the best of what is left" : "per-query values are missing";
}
