"""The verdict: one value, from which the words, the files and the exit code all follow."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from evalkit.config import GateConfig
from evalkit.config.schema.values import check_values
from evalkit.errors import UserError, did_you_mean
from evalkit.gate.changes import changes
from evalkit.gate.pairing import check_match, other_differences, pairs, with_quality
from evalkit.gate.quality import QualityResult, compare_quality
from evalkit.gate.resources import ResourceResult, check_limits, compare_resources
from evalkit.gate.space import SpaceResult, compare_spaces
from evalkit.gate.thresholds import ThresholdResult, compare_thresholds
from evalkit.results.in_words import brief, change
from evalkit.results.reader import StoredRun


class Verdict(StrEnum):
    """What a gate says, in the order of its exit codes: 0, 1, 2, 3."""

    PASS = "pass"  # noqa: S105
    REGRESSION = "regression"
    NOT_COMPARABLE = "not comparable"
    INCONCLUSIVE = "inconclusive"


NO_REGRESSION, NON_INFERIOR = "no_regression", "non_inferior"
POLICIES = (NO_REGRESSION, NON_INFERIOR)


@dataclass(frozen=True)
class Decision:
    """A verdict with its reasons and everything that it was made from.

    ``unpaired`` names points without a partner, ``without_quality`` those that have no quality, with the reason.
    ``changes`` is all that differs in any pair (``dims 256 → 64``), ``differences`` what pairs differ in beside what
    their names show, ``thresholds`` what those of the baseline would do now.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    baseline: str
    candidate: str
    policy: str = NO_REGRESSION
    alpha: float = 0.05
    inconclusive_exit_code: int = 3
    quality: tuple[QualityResult, ...] = ()
    resources: tuple[ResourceResult, ...] = ()
    spaces: tuple[SpaceResult, ...] = ()
    unpaired: tuple[str, ...] = ()
    without_quality: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    require_same_space: bool = False
    thresholds: tuple[ThresholdResult, ...] = ()

    @property
    def exit_code(self) -> int:
        if self.verdict is Verdict.INCONCLUSIVE:
            return self.inconclusive_exit_code
        return list(Verdict).index(self.verdict)


def decide(
    config: GateConfig,
    baseline: StoredRun,
    candidate: StoredRun,
    repeats: Sequence[tuple[StoredRun, StoredRun]] = (),
) -> Decision:
    """Compare ``candidate`` with ``baseline``. ``repeats`` are runs of both, measured in turn, for timings.

    Raises NotComparableError where no honest comparison can be made, UserError for a bad setting.
    """
    check(config)
    all_pairs, alone = pairs(baseline, candidate, config.match, config.allow_missing)
    judged, without_quality = with_quality(all_pairs, config.measures, config.allow_missing)
    quality = compare_quality(config, judged, baseline, candidate)
    timed = repeats or [(baseline, candidate)]
    resources = compare_resources(config, all_pairs, [before for before, _ in timed], [after for _, after in timed])
    spaces = compare_spaces(all_pairs, baseline, candidate)
    failures = [
        *(drop_reason(q) for q in quality if q.drop_is_shown),
        *(limit_reason(r) for r in resources if r.exceeds),
        *(space_reason(s) for s in spaces if config.require_same_space and not s.index_can_stay),
    ]
    open_questions = [reason for q in quality if (reason := open_question(q, config.policy))]
    verdict = Verdict.REGRESSION if failures else Verdict.INCONCLUSIVE if open_questions else Verdict.PASS
    return Decision(
        verdict=verdict,
        reasons=tuple(failures or open_questions),
        baseline=baseline.name,
        candidate=candidate.name,
        policy=config.policy,
        alpha=config.alpha,
        inconclusive_exit_code=config.inconclusive_exit_code,
        quality=tuple(quality),
        resources=tuple(resources),
        spaces=tuple(spaces),
        unpaired=tuple(alone),
        without_quality=tuple(without_quality),
        differences=tuple(other_differences(all_pairs)),
        changes=tuple(changes(all_pairs, baseline, candidate)),
        require_same_space=config.require_same_space,
        thresholds=tuple(compare_thresholds(all_pairs, baseline, candidate)),
    )


def check(config: GateConfig) -> None:
    """Raises UserError for the first value that can't work."""
    check_values(config)
    if config.policy not in POLICIES:
        raise UserError(f"policy={config.policy} is unknown.", did_you_mean(config.policy, POLICIES))
    check_match(config.match)
    check_limits(config.limits or {})
    if config.measures is not None and not config.measures:
        raise UserError("measures=[] leaves nothing to gate.", "Give names, as in measures=[nDCG@10].")


def drop_reason(q: QualityResult) -> str:
    beyond = f" beyond the tolerance of {q.tolerance:.4f}" if q.tolerance else ""
    return f"{q.pair}: {q.measure} dropped from {q.baseline:.4f} to {q.candidate:.4f}{beyond} (p = {q.p_drop:.4f})"


def open_question(q: QualityResult, policy: str) -> str:
    """Why ``q`` keeps the gate from passing although nothing is shown; empty where it doesn't."""
    if policy == NON_INFERIOR and not q.drop_is_ruled_out:
        return f"{q.pair}: a drop of {q.measure} beyond {q.tolerance:.4f} is neither shown nor ruled out"
    return f"{q.pair}, {q.measure}: {q.too_few}" if q.too_few else ""


def space_reason(s: SpaceResult) -> str:
    why = ", ".join(s.index_changes) or s.space
    return f"{s.corpus}: the old index can't stay ({why}), but require_same_space is set"


def limit_reason(r: ResourceResult) -> str:
    figures = " → ".join(brief(r.column, value) for value in (r.baseline, r.candidate) if value is not None)
    by = " by the median of its calls" if r.is_by_median else ""
    return f"{r.pair}: {r.column} is {change(r.column, r.worsening or 1.0)}{by} ({figures}), the limit is {r.limit:g} ×"
