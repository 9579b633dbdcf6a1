"""Did quality drop? Every pair of points and gated measure, by paired statistics over the judged queries."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from evalkit.arrays import Floats
from evalkit.config import GateConfig
from evalkit.errors import abridged
from evalkit.gate.pairing import Pair, gated
from evalkit.gate.scores import CorpusScores, Side, corpus_scores
from evalkit.measures.significance import Comparisons, Evidence, score_changes, weigh
from evalkit.results.reader import StoredRun

EXTREMES = 10
MOST_TEXT = 500  # characters of a query's text
DETAILED = 200  # comparisons whose queries are listed, the most significant ones
FEWEST = 10  # queries or clusters that a pass may rest on


@dataclass(frozen=True)
class QueryChange:
    """One query's scores and the ranks of its first relevant document (null: not among the first top_k).

    ``text`` is its text on one line, shortened; null where neither run kept it.
    """

    query_id: str
    baseline: float
    candidate: float
    baseline_rank: int | None
    candidate_rank: int | None
    text: str | None = None


@dataclass(frozen=True)
class QualityResult:
    """One measure of one pair.

    ``clusters`` is how many groups of dependent queries were drawn, null where dependence wasn't modelled. ``p_drop``
    is adjusted for all comparisons of the gate, ``p_safe`` needs no adjustment, as all must pass (Berger, Technometrics
    1982). ``too_few`` says why no drop, however large, could be shown here, or why a pass would rest on too little.
    """

    pair: str
    corpus: str
    measure: str
    queries: int
    clusters: int | None
    baseline: float
    candidate: float
    tolerance: float
    evidence: Evidence
    p_drop: float
    p_safe: float
    drop_is_shown: bool
    drop_is_ruled_out: bool
    too_few: str
    wins: int
    ties: int
    losses: int
    worst: tuple[QueryChange, ...]
    best: tuple[QueryChange, ...]


def compare_quality(
    config: GateConfig, pairs: Sequence[Pair], baseline: StoredRun, candidate: StoredRun
) -> list[QualityResult]:
    """One result per pair and measure, in order. Raises NotComparableError for missing queries or scores."""
    corpora = list(corpus_scores(pairs, baseline, candidate, config.measures))
    texts = {scores.corpus: texts_of_queries(scores.corpus, (candidate, baseline)) for scores in corpora}
    compared = [comparisons(config, scores) for scores in corpora]
    evidence = weigh(compared, config.alpha, config.resamples)
    shown_first = sorted(e.p_drop_adjusted for own in evidence for e in own)
    last_detailed = shown_first[:DETAILED][-1]
    results, detailed = {}, 0
    for scores, own, of_corpus in zip(corpora, compared, evidence, strict=True):
        cases = [(pair, measure) for measure in scores.measures for pair in range(len(scores.pairs))]
        for case, tolerance, of_case in zip(cases, own.tolerances.tolist(), of_corpus, strict=True):
            in_detail = of_case.p_drop_adjusted <= last_detailed and detailed < DETAILED
            detailed += in_detail
            judged = result(config, scores, case, tolerance, of_case, in_detail)
            results[id(scores.pairs[case[0]]), case[1]] = with_texts(judged, texts[scores.corpus])
    return [results[id(pair), measure] for pair in pairs for measure in gated(config.measures, pair)]


def texts_of_queries(corpus: str, runs: Sequence[StoredRun]) -> "pd.Series[str] | None":
    """The texts of a corpus's queries by their ids, from the first of ``runs`` that kept them; null where none did."""
    for run in runs:
        if (run.folder / "query_texts.parquet").is_file():
            kept = run.query_texts()
            of_corpus = kept[kept["corpus"] == corpus].drop_duplicates("query_id")
            return pd.Series(of_corpus["text"].array, index=of_corpus["query_id"].array)
    return None


def with_texts(result: QualityResult, texts: "pd.Series[str] | None") -> QualityResult:
    """``result`` with the texts of the queries that it lists."""
    if texts is None:
        return result

    def told(changes: Sequence[QueryChange]) -> tuple[QueryChange, ...]:
        known = (texts.get(change.query_id) for change in changes)
        shown = (None if text is None else abridged(" ".join(str(text).split()), MOST_TEXT) for text in known)
        return tuple(replace(change, text=text) for change, text in zip(changes, shown, strict=True))

    return replace(result, worst=told(result.worst), best=told(result.best))


def comparisons(config: GateConfig, scores: CorpusScores) -> Comparisons:
    """Every measure of every pair of one corpus, measure by measure."""
    before = np.concatenate([scores.baseline.scores[measure] for measure in scores.measures])
    after = np.concatenate([scores.candidate.scores[measure] for measure in scores.measures])
    share = before.mean(axis=1) if config.relative else np.ones(len(before))
    return Comparisons(before, after, config.tolerance * share, scores.clusters)


def result(
    config: GateConfig,
    scores: CorpusScores,
    case: tuple[int, str],
    tolerance: float,
    evidence: Evidence,
    in_detail: bool,
) -> QualityResult:
    pair, measure = case
    before, after = scores.baseline.scores[measure][pair], scores.candidate.scores[measure][pair]
    change = score_changes(before, after)
    order = np.argsort(change, kind="stable") if in_detail else np.empty(0, dtype=np.int64)
    worst, best = order[change[order] < 0][:EXTREMES], order[change[order] > 0][::-1][:EXTREMES]
    return QualityResult(
        pair=scores.pairs[pair].name,
        corpus=scores.name,
        measure=measure,
        queries=len(before),
        clusters=int(scores.clusters.max()) + 1 if scores.are_modelled else None,
        baseline=float(before.mean()),
        candidate=float(after.mean()),
        tolerance=tolerance,
        evidence=evidence,
        p_drop=evidence.p_drop_adjusted,
        p_safe=evidence.p_safe,
        drop_is_shown=evidence.p_drop_adjusted <= config.alpha,
        drop_is_ruled_out=evidence.p_safe <= config.alpha,
        too_few=too_few(config, scores, before, evidence),
        wins=int((change > 0).sum()),
        ties=int((change == 0).sum()),
        losses=int((change < 0).sum()),
        worst=tuple(changes(scores, case, worst)),
        best=tuple(changes(scores, case, best)),
    )


def too_few(config: GateConfig, scores: CorpusScores, before: Floats, evidence: Evidence) -> str:
    """What a comparison has too few of to say anything; empty where a drop could have been shown."""
    queries, clusters = len(before), int(scores.clusters.max()) + 1
    what = f"{queries} judged queries" if clusters == queries else f"{queries} judged queries in {clusters} clusters"
    if clusters < FEWEST:
        return f"{what} are too few for a pass, which takes {FEWEST}: judge more queries"
    if evidence.p_total_loss is None or evidence.p_total_loss <= config.alpha:
        return ""
    if 1 / (config.resamples + 1) > config.alpha:
        return f"resamples={config.resamples} can show nothing at alpha={config.alpha:g}: raise resamples"
    above_0 = int((before > 0).sum())
    return (
        f"even a score of 0 for every query would not be shown at alpha={config.alpha:g}, by {what} of which {above_0} "
        "had a score to lose: judge more queries, or gate fewer points and measures"
    )


def changes(scores: CorpusScores, case: tuple[int, str], queries: npt.NDArray[np.int64]) -> list[QueryChange]:
    pair, measure = case

    def of(side: Side, query: int) -> tuple[float, int | None]:
        return float(side.scores[measure][pair][query]), int(side.ranks[pair][query]) or None

    listed = []
    for query in queries.tolist():
        (before, rank_before), (after, rank_after) = of(scores.baseline, query), of(scores.candidate, query)
        listed.append(QueryChange(scores.query_ids[query], before, after, rank_before, rank_after))
    return listed
