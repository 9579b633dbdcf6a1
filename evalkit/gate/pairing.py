"""Which point of the candidate answers which point of the baseline, and whether the two can be compared at all."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalkit.errors import UserError, did_you_mean
from evalkit.results.record import SETTING
from evalkit.results.store import StoredRun

NAMED = 6
MATCHABLE = (*SETTING, "model", "revision")


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
        values = ((str(self.baseline[key]), str(self.candidate[key])) for key in SETTING)
        return " ".join(one if one == other else f"{one} → {other}" for one, other in values)


def pairs(
    baseline: StoredRun, candidate: StoredRun, match: Sequence[str], allow_missing: bool = False
) -> tuple[list[Pair], list[str]]:
    """Points of equal ``match`` keys, and the names of points without a partner.

    Raises NotComparableError where a point has more than one partner or none has any, where the candidate lacks points
    of the baseline unless ``allow_missing``, and for runs whose corpora, queries, judgments or depth of ranking differ.
    """
    for key in match:
        if key not in MATCHABLE:
            raise UserError(f"match has the unknown key '{key}'.", did_you_mean(key, MATCHABLE))
    found, missing = [], []
    answers: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for point in candidate.about["points"]:
        answers.setdefault(tuple(point[key] for key in match), []).append(point)
    asked = [tuple(point[key] for key in match) for point in baseline.about["points"]]
    times_asked = Counter(asked)
    for setting, point in zip(asked, baseline.about["points"], strict=True):
        partners = answers.get(setting, [])
        if len(partners) > 1 or (partners and times_asked[setting] > 1):
            raise NotComparableError(
                f"more than one point answers {describe(match, setting)}.",
                f"Add a key to match, which is [{','.join(match)}], or compare runs of fewer points.",
            )
        if partners:
            found.append(Pair(point, partners[0]))
        else:
            missing.append(describe(match, setting))
    alone = [f"baseline {setting}" for setting in missing]
    alone += [f"candidate {describe(match, setting)}" for setting in answers if setting not in times_asked]
    if not found:
        raise NotComparableError(
            f"no point of the candidate answers one of the baseline by [{','.join(match)}]: {shortened(alone)}.",
            "Leave the key that may differ out of match, as in match=[corpus,quantization,index].",
        )
    if missing and not allow_missing:
        raise NotComparableError(
            f"the candidate lacks {len(missing)} of the baseline's {len(asked)} points: {shortened(missing)}.",
            "Evaluate the candidate on these too, or set allow_missing=true to compare the rest.",
        )
    for pair in found:
        check_pair(pair, baseline, candidate)
    return found, alone


def shortened(names: Sequence[str]) -> str:
    """The first six of ``names``."""
    return "; ".join(names[:NAMED]) + ("; …" if len(names) > NAMED else "")


def describe(match: Sequence[str], setting: Sequence[Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in zip(match, setting, strict=True))


def check_pair(pair: Pair, baseline: StoredRun, candidate: StoredRun) -> None:
    """Raises NotComparableError where the two points were not judged on the same thing."""
    one, other = pair.baseline, pair.candidate
    corpus = one["corpus"]
    if one["corpus_fingerprint"] != other["corpus_fingerprint"]:
        before, after = (
            corpus_record(run, point).get("fingerprints", {}) for run, point in ((baseline, one), (candidate, other))
        )
        changed = [name for name in before if before[name] != after.get(name)] or ["texts or judgments"]
        raise NotComparableError(
            f"corpus '{corpus}': {' and '.join(changed)} differ between the two runs.",
            "Evaluate both on the same files; a changed corpus needs a new baseline.",
        )
    if one["top_k"] != other["top_k"]:
        raise NotComparableError(f"{corpus}: top_k was {one['top_k']} and is {other['top_k']}.", "Use the same top_k.")
    before, after = served(one), served(other)
    if before != after and (depends_on_depth(one, baseline) or depends_on_depth(other, candidate)):
        older = " (runs older than serve_k served, timed and rescored for all of top_k)" if "serve_k" not in one else ""
        raise NotComparableError(
            f"{pair.name}: serve_k was {before} and is {after}{older}.",
            f"Make the baseline anew, or the candidate with serve_k={before}.",
        )


def served(point: Mapping[str, Any]) -> int:
    """For how many results a point was searched and timed; runs older than ``serve_k`` searched for all of top_k."""
    return int(point.get("serve_k", point["top_k"]))


def depends_on_depth(point: Mapping[str, Any], run: StoredRun) -> bool:
    """Whether the first results of a point depend on how many it was asked for: rescored ones and graphs."""
    quantization = run.about["config"].get("quantization", {}).get(point["quantization"]) or {}
    return quantization.get("rescore") is not None or "efSearch" in point["index"]


def corpus_record(run: StoredRun, point: Mapping[str, Any]) -> dict[str, Any]:
    """What run.json says of the corpus of ``point``."""
    found: dict[str, Any] = next(c for c in run.about["corpora"] if c["name"] == point["corpus"])
    return found
