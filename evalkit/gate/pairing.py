"""Which point of the candidate answers which point of the baseline, and whether the two can be compared at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalkit.errors import UserError, did_you_mean
from evalkit.results.reader import StoredRun
from evalkit.results.record import FILTER, SAMPLE
from evalkit.results.setting import COLUMNS, FULL, KEY, differences, label_of, label_parts, search_label
from evalkit.results.task_measures import TASK_MEASURES

NAMED = 6
DEFAULT_MEASURE = "nDCG@10"
OF_OTHER_TASKS = frozenset(name for names in TASK_MEASURES.values() for name in names)
NAMED_COLUMNS = (*KEY, "corpus_fingerprint")  # which the name of a pair shows, and what must agree


class NotComparableError(UserError):
    """Two runs that no honest comparison can be made of; says what differs."""


@dataclass(frozen=True)
class Pair:
    """A point of the baseline and the one that answers it (rows of run.json's points)."""

    baseline: Mapping[str, Any]
    candidate: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The setting, with an arrow where the two differ: ``cranfield 384 → 256 int8 flat``."""
        baseline, candidate = dict(label_parts(self.baseline)), dict(label_parts(self.candidate))
        names = baseline if len(baseline) >= len(candidate) else candidate
        values = ((baseline.get(name, "–"), candidate.get(name, "–")) for name in names)
        return " ".join(before if before == after else f"{before} → {after}" for before, after in values)


def pairs(
    baseline: StoredRun, candidate: StoredRun, match: Sequence[str], allow_missing: bool = False
) -> tuple[list[Pair], list[str]]:
    """Points of equal ``match`` keys, and the names of points without a partner.

    Raises NotComparableError where a point has more than one partner or none has any, where the candidate lacks points
    of the baseline unless ``allow_missing``, and for runs whose corpora, queries, judgments or depth of ranking differ.
    """
    before, after = by_values(baseline, match), by_values(candidate, match)
    matched = [(values, points, after[values]) for values, points in before.items() if values in after]
    missing = [describe(match, values) for values, points in before.items() if values not in after for _ in points]
    alone = [f"baseline {name}" for name in missing]
    alone += [f"candidate {describe(match, values)}" for values in after if values not in before]
    for values, points, partners in matched:
        check_single(match, values, max(points, partners, key=len))
    if not matched:
        raise NotComparableError(
            f"no point of the candidate answers one of the baseline by [{','.join(match)}]: {shortened(alone)}.",
            "Leave the key that may differ out of match, as in match=[corpus,quantization,index].",
        )
    if missing and not allow_missing:
        count = len(baseline.about["points"])
        raise NotComparableError(
            f"the candidate lacks {len(missing)} of the baseline's {count} points: {shortened(missing)}.",
            "Evaluate the candidate on these too, or set allow_missing=true to compare the rest.",
        )
    all_pairs = [Pair(points[0], partners[0]) for _, points, partners in matched]
    for pair in all_pairs:
        check_pair(pair, baseline, candidate)
    return all_pairs, alone


def gated(measures: Sequence[str] | None, pair: Pair) -> list[str]:
    """Those of ``measures`` that the task of ``pair`` has; null is nDCG@10, or the first that a task's point has."""
    own = TASK_MEASURES.get(str(pair.baseline["task"]), ())
    if measures is None:
        measured = [name for name in own if pair.baseline.get(name) is not None]
        return [*(measured or own), DEFAULT_MEASURE][:1]
    return [name for name in measures if (name in own if own else name not in OF_OTHER_TASKS)]


def with_quality(
    all_pairs: Sequence[Pair],
    measures: Sequence[str] | None,
    allow_missing: bool = False,
    names: tuple[str, str] = ("baseline", "candidate"),
) -> tuple[list[Pair], list[str]]:
    """Those of ``all_pairs`` of which both points have all ``measures``, and a line with the reason for each other one.

    ``names`` are what the lines call the two runs.

    Raises NotComparableError where none has, and where the candidate lacks what the baseline has unless
    ``allow_missing``.
    """
    judged, lacking, lost = [], [], []
    for pair in all_pairs:
        points = (pair.baseline, pair.candidate)
        own = gated(measures, pair)
        reasons = [why_no_quality(point, own) for point in points]
        if not any(reasons):
            judged.append(pair)
            continue
        told = zip(names, points, reasons, strict=True)
        lacking.append("; ".join(f"{name} {label_of(point)}: {why}" for name, point, why in told if why))
        lost += [] if reasons[0] else [lacking[-1]]
    if lost and not allow_missing:
        raise NotComparableError(
            f"the candidate has no quality at {len(lost)} of the baseline's points: {shortened(lost)}.",
            "Mend that, or set allow_missing=true to compare the rest.",
        )
    if not judged:
        raise NotComparableError(f"no pair of points has quality in both runs: {shortened(lacking)}.")
    return judged, lacking


def why_no_quality(point: Mapping[str, Any], measures: Sequence[str]) -> str:
    """Why one of ``measures`` is null at ``point``, or its task has none of them; empty where all are there."""
    if not measures:
        return f"task={point['task']} has none of the measures"
    lacking = next((name for name in measures if name in point and point[name] is None), None)
    reasons: Mapping[str, str] = point.get("unmeasured") or {}
    return "" if lacking is None else reasons.get(lacking) or f"{lacking} was not measured"


def check_match(match: Sequence[str]) -> None:
    """Raises UserError for a key that is no column of a setting."""
    for key in match:
        if key not in COLUMNS:
            raise UserError(f"match has the unknown key '{key}'.", did_you_mean(key, COLUMNS))


def by_values(run: StoredRun, match: Sequence[str]) -> dict[tuple[Any, ...], list[Mapping[str, Any]]]:
    """The points of a run by the values of the keys in ``match``. Those of two tasks, filters or sizes never meet."""
    points: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for point in run.about["points"]:
        values = (
            point["task"],
            point["filter"],
            point["corpus_size"],
            *(search_label(point) if key == "index" else point[key] for key in match),
        )
        points.setdefault(values, []).append(point)
    return points


def check_single(match: Sequence[str], values: Sequence[Any], points: Sequence[Mapping[str, Any]]) -> None:
    """Raises NotComparableError where several ``points`` have the same ``values``, and says in what they differ."""
    if len(points) == 1:
        return
    differ = ", ".join(name for name in COLUMNS if len({point[name] for point in points}) > 1)
    raise NotComparableError(
        f"more than one point answers {describe(match, values)}.",
        f"They differ in {differ or 'nothing'}: add a key to match, which is [{','.join(match)}], "
        "or compare runs of fewer points.",
    )


def shortened(names: Sequence[str]) -> str:
    """The first six of ``names``."""
    return "; ".join(names[:NAMED]) + ("; …" if len(names) > NAMED else "")


def describe(match: Sequence[str], values: Sequence[Any]) -> str:
    """``corpus=c dims=256 filter lang=de`` of the task, the filter, the size and the values of ``match``."""
    _, passing, size, *rest = values
    of_data = [f"filter {passing}"] if passing and "filter" not in match else []
    of_data += [f"corpus_size={size}"] if size != FULL and "corpus_size" not in match else []
    return " ".join([*(f"{name}={value}" for name, value in zip(match, rest, strict=True)), *of_data])


def other_differences(all_pairs: Sequence[Pair]) -> list[str]:
    """``model: m → n`` for every column in which pairs differ and which their names don't show, each once."""
    return list(
        dict.fromkeys(
            f"{name}: {before} → {after}"
            for pair in all_pairs
            for name, (before, after) in differences(pair.baseline, pair.candidate).items()
            if name not in NAMED_COLUMNS
        )
    )


def check_pair(pair: Pair, baseline: StoredRun, candidate: StoredRun) -> None:
    """Raises NotComparableError where the two points were not judged on the same thing."""
    old, new = pair.baseline, pair.candidate
    corpus = old["corpus"]
    if old["corpus_fingerprint"] != new["corpus_fingerprint"]:
        before, after = (
            corpus_record(run, point).get("fingerprints", {}) for run, point in ((baseline, old), (candidate, new))
        )
        changed = [name for name in before if before[name] != after.get(name)] or ["texts or judgments"]
        raise NotComparableError(
            f"corpus '{corpus}': {' and '.join(changed)} differ between the two runs.",
            "Evaluate both on the same files; a changed corpus needs a new baseline.",
        )
    passed = [point.get("proof", {}).get(FILTER) for point in (old, new)]
    if passed[0] != passed[1]:
        raise NotComparableError(
            f"corpus '{corpus}': other documents pass {old['filter']} than did in the baseline.",
            "Did their metadata change? Make the baseline anew.",
        )
    samples = [(point["distractors"], point.get("proof", {}).get(SAMPLE)) for point in (old, new)]
    if samples[0] != samples[1]:
        raise NotComparableError(
            f"{pair.name}: a corpus of this size had other documents in the baseline.",
            "Give both runs the same distractors, or make the baseline anew.",
        )
    if old["top_k"] != new["top_k"]:
        raise NotComparableError(f"{corpus}: top_k was {old['top_k']} and is {new['top_k']}.", "Use the same top_k.")
    before, after = old["serve_k"], new["serve_k"]
    if before != after and (depends_on_depth(old, baseline) or depends_on_depth(new, candidate)):
        is_older = baseline.is_version1 and "serve_k" not in baseline.stored_config
        older = " (runs older than serve_k served, timed and rescored for all of top_k)" if is_older else ""
        raise NotComparableError(
            f"{pair.name}: serve_k was {before} and is {after}{older}.",
            f"Make the baseline anew, or the candidate with serve_k={before}.",
        )


def depends_on_depth(point: Mapping[str, Any], run: StoredRun) -> bool:
    """Whether the first results of a point depend on how many it was asked for: rescored ones and graphs."""
    quantization = run.about["config"].get("quantization", {}).get(point["quantization"]) or {}
    return quantization.get("rescore") is not None or "efSearch" in point["operating_point"]


def corpus_record(run: StoredRun, point: Mapping[str, Any]) -> dict[str, Any]:
    """What run.json says of the corpus of ``point``."""
    record: dict[str, Any] = next(c for c in run.about["corpora"] if c["name"] == point["corpus"])
    return record
