"""The answer of a gate in three lines: what changed and what that did, the verdict, what to do."""

from collections.abc import Iterator, Sequence

from evalkit.errors import abridged
from evalkit.gate.decision import Decision, Verdict
from evalkit.gate.quality import QualityResult
from evalkit.gate.space import QUERIES_CHANGED, SpaceResult
from evalkit.gate.telling import worst_quality_first
from evalkit.gate.thresholds import ThresholdResult
from evalkit.results.in_words import counted, duration

MOST_CHANGES = 3
DIGITS = (3, 4, 6)


def title(decision: Decision) -> str:
    """``dims 256 → 64: nDCG@10 0.908 → 0.831``; the most telling of several comparisons."""
    if not decision.quality:
        return f"{decision.candidate} against {decision.baseline}"
    return f"{changed(decision.changes) or 'the same settings'}: {moved(decision)}"


def changed(changes: Sequence[str]) -> str:
    more = len(changes) - MOST_CHANGES
    return ", ".join(changes[:MOST_CHANGES]) + (f" and {more:,} more" if more > 0 else "")


def moved(decision: Decision) -> str:
    """The most telling comparison: ``nDCG@10 0.908 → 0.831``, and that it is one of many."""
    q = decision.quality[worst_quality_first(decision)[0]]
    others = f" ({abridged(q.pair, 60)}, the worst of {len(decision.quality):,})" if len(decision.quality) > 1 else ""
    return f"{q.measure} {before_and_after(q)}{others}"


def before_and_after(q: QualityResult) -> str:
    """With as few decimals as show a difference: ``0.908 → 0.831``."""
    texts = ((f"{q.baseline:.{digits}f}", f"{q.candidate:.{digits}f}") for digits in DIGITS)
    before, after = next((pair for pair in texts if pair[0] != pair[1]), (f"{q.baseline:.3f}", f"{q.candidate:.3f}"))
    return f"{before} → {after}"


def verdict_line(decision: Decision) -> str:
    return f"{decision.verdict}: {what_to_do(decision)}"


def what_to_do(decision: Decision) -> str:
    """One line: ``ship; rebuild the index (40 min, $0.02), no document must be re-embedded``."""
    match decision.verdict:
        case Verdict.NOT_COMPARABLE:
            return "nothing was compared; make two runs that can be"
        case Verdict.INCONCLUSIVE:
            return "don't rely on it yet: judge more queries, these can't tell"
        case Verdict.REGRESSION:
            return f"don't ship: {'; '.join(failures(decision))}"
    if any(space.alarm for space in decision.spaces):
        return "find out first why the same model gives other vectors than before"
    return "; ".join(("ship", *to_build(decision.spaces), *to_set(decision.thresholds)))


def to_set(thresholds: Sequence[ThresholdResult]) -> Iterator[str]:
    """That thresholds have to be set anew, if some have."""
    moving = [result for result in thresholds if result.must_move]
    if len(moving) == 1 and moving[0].candidate is not None:
        yield f"set the threshold to {moving[0].candidate:.4f} (it was {moving[0].baseline:.4f})"
    elif moving:
        yield f"set {len(moving):,} thresholds anew"


def failures(decision: Decision) -> Iterator[str]:
    """Which kinds of things failed."""
    dropped = dict.fromkeys(q.measure for q in decision.quality if q.drop_is_shown)
    beyond = dict.fromkeys(r.column for r in decision.resources if r.exceeds)
    if dropped:
        yield f"{listed(list(dropped))} dropped"
    if beyond:
        yield f"{listed(list(beyond))} beyond the limit"
    if decision.require_same_space and not all(space.index_can_stay for space in decision.spaces):
        yield "the old index can't stay"


def listed(names: Sequence[str]) -> str:
    more = len(names) - MOST_CHANGES
    return ", ".join(names[:MOST_CHANGES]) + (f" and {more:,} more" if more > 0 else "")


def to_build(spaces: Sequence[SpaceResult]) -> Iterator[str]:
    """What has to be made before the candidate can serve."""
    reembed = [space for space in spaces if space.documents_must_be_reembedded]
    rebuild = [space for space in spaces if space.index_must_be_rebuilt]
    if reembed:
        yield f"re-embed all documents{takes(reembedding(reembed))} and rebuild the index{takes(building(rebuild))}"
    elif rebuild:
        yield f"rebuild the index{takes(building(rebuild))}, no document must be re-embedded"
    elif any(space.index_must_be_rebuilt is None for space in spaces):
        yield "whether the index can stay is not known"
    elif any(space.space == QUERIES_CHANGED for space in spaces):
        yield f"queries changed, index stays{if_it_is_read(spaces)}"
    elif spaces:
        yield f"the index stays{if_it_is_read(spaces)}"


def if_it_is_read(spaces: Sequence[SpaceResult]) -> str:
    """What was measured is an index that the candidate's version of the engine built, not the one that would stay."""
    return ", if the new version of the engine reads it" if any(space.version_changes for space in spaces) else ""


Effort = tuple[float | None, float | None, int | None]  # seconds, dollars, documents


def building(spaces: Sequence[SpaceResult]) -> Effort:
    return (
        most(space.rebuild_seconds_at_workload for space in spaces),
        most(s.rebuild_usd for s in spaces),
        size(spaces),
    )


def reembedding(spaces: Sequence[SpaceResult]) -> Effort:
    seconds = most(space.reembed_seconds_at_workload for space in spaces)
    return seconds, most(space.reembed_usd for space in spaces), size(spaces)


def size(spaces: Sequence[SpaceResult]) -> int | None:
    return next((space.workload_documents for space in spaces), None)


def most(values: Iterator[float | None]) -> float | None:
    """Of corpora, each stands for the workload as a whole: the one that takes most."""
    return max((value for value in values if value is not None), default=None)


def takes(effort: Effort) -> str:
    """`` (40 min, $0.02 for 1 M documents)``; empty where nothing is known."""
    seconds, usd, documents = effort
    known = [*([] if seconds is None else [duration(seconds)]), *([] if usd is None else [dollars(usd)])]
    of = f" for {counted(documents)} documents" if documents else ""
    return f" ({', '.join(known)}{of})" if known else ""


def dollars(usd: float) -> str:
    return f"${usd:,.2f}" if usd >= 0.005 or usd == 0 else "under $0.01"
