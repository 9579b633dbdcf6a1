"""What every medium says of a decision, in the same words: cells of its tables, and the notes beside them."""

from collections.abc import Iterator, Sequence

from evalkit.gate.answer import building, if_it_is_read, reembedding, takes
from evalkit.gate.decision import NO_REGRESSION, NON_INFERIOR, Decision
from evalkit.gate.quality import QualityResult, QueryChange
from evalkit.gate.resources import ResourceResult
from evalkit.gate.space import CHUNKED_DIFFERENTLY, QUERIES_CHANGED, SpaceResult
from evalkit.gate.thresholds import threshold_sentence
from evalkit.results.in_words import brief, change
from evalkit.results.percent import percent

MOST_NOTES = 20
QUALITY_HEADER = ("setting", "measure", "baseline", "candidate", "difference [interval]", "p", "detectable", "W/T/L")
RESOURCE_HEADER = ("setting", "figure", "baseline", "candidate", "change", "limit", "p")
QUERIES_HEADER = ("setting", "measure", "query", "text", "baseline", "candidate", "rank before", "rank after")
CORRECTIONS = {
    NO_REGRESSION: "p of no drop, adjusted for all {count} comparisons at once (step-down maximum over sign flips)",
    NON_INFERIOR: "p of a drop beyond the tolerance; all {count} comparisons must pass, so none is adjusted",
}
ONE = {NO_REGRESSION: "p of no drop", NON_INFERIOR: "p of a drop beyond the tolerance"}
COMPARABLE = {True: "comparable", False: "not comparable", None: "not known to be comparable: the runs share no text"}
KEPT = "if its full-precision vectors were kept, from which the index is made"


def quality_caption(decision: Decision) -> str:
    """What the columns of the table of quality mean, and what the statistics stand on."""
    count = len(decision.quality)
    correction = CORRECTIONS[decision.policy].format(count=f"{count:,}") if count > 1 else ONE[decision.policy]
    return (
        f"{percent(1 - 2 * decision.alpha)} BCa intervals, each for itself; {correction}; detectable: the smallest "
        "true drop that would be shown with 80 % power"
    )


def quality_cells(q: QualityResult, policy: str = NO_REGRESSION) -> tuple[str, ...]:
    e = q.evidence
    detectable = "–" if e.detectable_drop is None else f"{e.detectable_drop:.4f}"
    return (
        q.pair,
        q.measure,
        f"{q.baseline:.4f}",
        f"{q.candidate:.4f}",
        f"{e.mean:+.4f} [{e.low:+.4f}, {e.high:+.4f}]",
        f"{q.p_safe if policy == NON_INFERIOR else q.p_drop:.4f}",
        detectable,
        f"{q.wins}/{q.ties}/{q.losses}",
    )


def resource_cells(r: ResourceResult) -> tuple[str, ...]:
    figures = ("–" if value is None else brief(r.column, value) for value in (r.baseline, r.candidate))
    p = "" if r.p is None else f"{r.p:.4f}"
    return r.pair, r.column, *figures, r.not_compared or changed_by(r), f"{r.limit:g} ×", p


def changed_by(r: ResourceResult) -> str:
    """``2.1 × slower``; of a rise that is too short to count, that it is."""
    words = change(r.column, r.worsening or 1.0)
    if r.is_by_median:
        return f"{words} by the median"
    return f"{words}, too little to count" if r.is_below_least and (r.worsening or 0) > r.limit else words


def query_cells(q: QualityResult, changed: QueryChange) -> tuple[str, ...]:
    scores = f"{changed.baseline:.4f}", f"{changed.candidate:.4f}"
    ranks = rank(changed.baseline_rank), rank(changed.candidate_rank)
    return q.pair, q.measure, changed.query_id, changed.text or "", *scores, *ranks


def rank(value: int | None) -> str:
    return "not found" if value is None else str(value)


def notes(decision: Decision) -> Iterator[str]:
    """What a reader must know beside the tables."""
    yield from decision.reasons[:MOST_NOTES]
    if len(decision.reasons) > MOST_NOTES:
        yield f"and {len(decision.reasons) - MOST_NOTES:,} more reasons, in gate.json"
    yield from (f"ALARM: {alarm}" for alarm in dict.fromkeys(s.alarm for s in decision.spaces if s.alarm))
    yield from map(space_sentence, sorted(decision.spaces, key=lambda space: space.index_can_stay))
    yield from map(threshold_sentence, sorted(decision.thresholds, key=lambda result: not result.must_move))
    yield from not_compared(decision)
    yield from dict.fromkeys(map(sample_sentence, decision.quality))
    if decision.changes:
        yield f"{decision.candidate} differs from {decision.baseline} in {listed(decision.changes)}"
    if decision.unpaired:
        yield f"not compared, no partner: {listed(decision.unpaired)}"
    if decision.without_quality:
        yield f"quality not compared: {listed(decision.without_quality)}"


def listed(names: Sequence[str]) -> str:
    """The first of ``names``, and how many more there are."""
    more = len(names) - MOST_NOTES
    return "; ".join(names[:MOST_NOTES]) + (f"; and {more:,} more, in gate.json" if more > 0 else "")


def within_limits(decision: Decision) -> str:
    """How many of the figures that were compared are within their limits; empty where none has one."""
    compared = [r for r in decision.resources if not r.not_compared]
    if not decision.resources:
        return ""
    beyond, left = sum(r.exceeds for r in compared), len(decision.resources) - len(compared)
    more = f"; {left:,} {'was' if left == 1 else 'were'} not compared" if left else ""
    return f"{len(compared) - beyond:,} of {len(compared):,} compared figures are within their limits{more}"


def not_compared(decision: Decision) -> Iterator[str]:
    """One line for each reason, with the figures that it is of."""
    by_reason: dict[str, dict[str, None]] = {}
    for r in decision.resources:
        if r.not_compared:
            by_reason.setdefault(r.not_compared, {})[r.column] = None
    for reason, columns in by_reason.items():
        yield f"{', '.join(columns)}: {reason}"


def sample_sentence(q: QualityResult) -> str:
    """How many independent things a comparison was made of."""
    if q.clusters is None:
        return f"{q.corpus}: {q.queries:,} queries, taken as independent: which depend on each other wasn't modelled"
    return f"{q.corpus}: {q.queries:,} queries in {q.clusters:,} clusters, drawn and flipped as clusters"


def space_sentence(s: SpaceResult) -> str:
    """Three answers of one corpus: are vectors comparable, must the index be rebuilt, documents be embedded again."""
    sentence = f"{s.corpus}: {'; '.join((vectors_words(s), index_words(s), documents_words(s)))}"
    if s.not_checked_since:
        sentence += f"; vectors are from the store: what the API gives was not checked since {s.not_checked_since}"
    return sentence


def vectors_words(s: SpaceResult) -> str:
    of_queries = s.space == QUERIES_CHANGED
    smallest = s.smallest_query_cosine if of_queries else s.smallest_cosine
    over = f"{s.query_texts} queries" if of_queries else f"{s.texts - s.query_texts} documents"
    cosine = "" if smallest is None else f" (smallest cosine {smallest:.5f} over {over})"
    words = f"{s.space}{cosine}, vectors are {COMPARABLE[s.vectors_comparable]}"
    if s.vectors_comparable is False and s.overlap_at_10 is not None and s.space != CHUNKED_DIFFERENTLY:
        share = percent(s.overlap_at_10)
        words += f": new queries find {share} of their ten nearest in old vectors of the sample"
    return words


def index_words(s: SpaceResult) -> str:
    if s.index_must_be_rebuilt is None:
        return "whether the index can stay is not known"
    if not s.index_must_be_rebuilt:
        stays = "queries changed, index stays" if s.space == QUERIES_CHANGED else "the old index can stay"
        return f"{stays}{if_it_is_read([s])}"
    why = ", ".join(s.index_changes) or "it holds other vectors"
    return f"the index must be rebuilt{takes(building([s]))}: {why}"


def documents_words(s: SpaceResult) -> str:
    effort = takes(reembedding([s]))
    if s.documents_must_be_reembedded is None:
        return "whether documents must be re-embedded is not known"
    if s.documents_must_be_reembedded:
        of_corpus = (
            "" if s.reembed_seconds is None else f"; the {s.documents:,} of the corpus took {s.reembed_seconds:,.0f} s"
        )
        return f"all documents must be re-embedded{effort}{of_corpus}"
    if not s.index_must_be_rebuilt:
        return "no document must be re-embedded"
    return f"no document must be re-embedded {KEPT}" + (f"; else all must{effort}" if effort else "")
