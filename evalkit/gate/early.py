"""What a candidate's config alone tells of its pairs with the baseline, before it is evaluated."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from evalkit.config import MODEL_KINDS, GateConfig, RunConfig
from evalkit.errors import did_you_mean
from evalkit.gate.pairing import NotComparableError, shortened
from evalkit.results.reader import StoredRun
from evalkit.results.setting import NO_QUANTIZATION, label_of

Values = Mapping[str, Collection[Any]]


def check_candidate(config: GateConfig, baseline: StoredRun, candidate: RunConfig) -> None:
    """Raises NotComparableError where no point, or not one for each of the baseline, or more than one can answer."""
    measured = baseline.about["config"]["measures"]
    for measure in config.measures:
        if measure not in measured:
            raise NotComparableError(f"the baseline did not measure {measure}.", did_you_mean(measure, measured))
    values, points = values_of(candidate, baseline), baseline.about["points"]
    matched = {name: known for name, known in values.items() if name in config.match}
    missing = [point for point in points if any(point[name] not in known for name, known in matched.items())]
    hint = f"Leave out of match what may differ, as in match=[{','.join(same(config.match, missing, matched))}]."
    if missing and (len(missing) == len(points) or not config.allow_missing):
        of = "any point" if len(missing) == len(points) else f"{len(missing)} of the baseline's {len(points)} points"
        raise NotComparableError(
            f"nothing was evaluated: the candidate can't answer {of} by match=[{','.join(config.match)}]: it has "
            f"{described(matched)}, the baseline {shortened([label_of(point) for point in missing])}.",
            hint if len(missing) == len(points) else f"{hint[:-1]}, or set allow_missing=true to compare the rest.",
        )
    several = {name: known for name, known in values.items() if name not in config.match and len(known) > 1}
    if several:
        raise NotComparableError(
            f"nothing was evaluated: several points would answer each of the baseline's: the candidate has "
            f"{described(several)}, and match=[{','.join(config.match)}] doesn't tell them apart.",
            f"Give one of each, or add to match: {','.join([*config.match, *several])}.",
        )


def same(match: Sequence[str], missing: Sequence[Mapping[str, Any]], matched: Values) -> list[str]:
    """Those keys of ``match`` in which the candidate is like all ``missing`` points of the baseline."""
    return [name for name in match if all(point[name] in matched.get(name, (point[name],)) for point in missing)]


def values_of(candidate: RunConfig, baseline: StoredRun) -> dict[str, Collection[Any]]:
    """The values that points of ``candidate`` will have, for each column of which its config tells all."""
    if not MODEL_KINDS[candidate.model.kind].has_vectors:
        return {"dims": [None], "quantization": [NO_QUANTIZATION]}
    known: dict[str, Collection[Any]] = {"quantization": list(candidate.quantization), "index": list(candidate.index)}
    widths = candidate.dims if isinstance(candidate.dims, list) else [candidate.dims]
    native = native_dims(candidate, baseline)
    dims = [native if width in ("native", None) else width for width in widths]
    return known if None in dims else {"dims": list(dict.fromkeys(dims)), **known}


def native_dims(candidate: RunConfig, baseline: StoredRun) -> int | None:
    """The width of the model where its config says it, or the baseline is of the same model; else null."""
    model = candidate.model
    if given := getattr(model, "native_dims", None):
        return int(given)
    is_same = baseline.about["config"].get("model", {}) == vars(model)
    widths = {side.get("dims") for side in baseline.about["embeddings"]} if is_same else set()
    width = widths.pop() if len(widths) == 1 else None
    return width if isinstance(width, int) else None


def described(values: Values) -> str:
    return " ".join(f"{name}={','.join(map(str, known))}" for name, known in values.items())
