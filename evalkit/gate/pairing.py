"""Which point of the candidate answers which point of the baseline, and whether the two can be compared at all."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalkit.errors import UserError, did_you_mean
from evalkit.results.reader import StoredRun
from evalkit.results.setting import COLUMNS, index_label, label_parts

NAMED = 6


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
    for key in match:
        if key not in COLUMNS:
            raise UserError(f"match has the unknown key '{key}'.", did_you_mean(key, COLUMNS))
    found, missing = [], []
    answers: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for point in candidate.about["points"]:
        answers.setdefault(values_of(point, match), []).append(point)
    asked = [values_of(point, match) for point in baseline.about["points"]]
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


def values_of(point: Mapping[str, Any], match: Sequence[str]) -> tuple[Any, ...]:
    """The values of the keys in ``match``; an index goes with its operating point and its stages."""
    return tuple(index_label(point) if key == "index" else point[key] for key in match)


def shortened(names: Sequence[str]) -> str:
    """The first six of ``names``."""
    return "; ".join(names[:NAMED]) + ("; …" if len(names) > NAMED else "")


def describe(match: Sequence[str], setting: Sequence[Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in zip(match, setting, strict=True))


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
    if old["top_k"] != new["top_k"]:
        raise NotComparableError(f"{corpus}: top_k was {old['top_k']} and is {new['top_k']}.", "Use the same top_k.")
    before, after = served(old), served(new)
    if before != after and (depends_on_depth(old, baseline) or depends_on_depth(new, candidate)):
        is_older = baseline.is_version1 and "serve_k" not in baseline.stored_config
        older = " (runs older than serve_k served, timed and rescored for all of top_k)" if is_older else ""
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
    return quantization.get("rescore") is not None or "efSearch" in point["operating_point"]


def corpus_record(run: StoredRun, point: Mapping[str, Any]) -> dict[str, Any]:
    """What run.json says of the corpus of ``point``."""
    found: dict[str, Any] = next(c for c in run.about["corpora"] if c["name"] == point["corpus"])
    return found
