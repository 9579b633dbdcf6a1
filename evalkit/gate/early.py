"""What a candidate's config alone tells of its pairs with the baseline, before it is evaluated."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from evalkit.config import MODEL_KINDS, GateConfig, RunConfig
from evalkit.errors import did_you_mean
from evalkit.gate.pairing import NotComparableError, shortened
from evalkit.results.index_config import index_word
from evalkit.results.reader import StoredRun
from evalkit.results.setting import NO_QUANTIZATION, RETRIEVAL, label_of
from evalkit.results.task_measures import measures_of

TASK = "task"
NO_SEARCH = ("", "")  # engine and index of tasks that search nothing
Values = Mapping[tuple[str, ...], Sequence[tuple[Any, ...]]]  # columns that vary together, and what they will be


def check_candidate(config: GateConfig, baseline: StoredRun, candidate: RunConfig) -> None:
    """Raises NotComparableError where no point, or not one for each of the baseline, or more than one can answer."""
    measured = measures_of(baseline.about)
    for measure in config.measures or []:
        if measure not in measured:
            raise NotComparableError(f"the baseline did not measure {measure}.", did_you_mean(measure, measured))
    values, points = values_of(candidate, baseline), baseline.about["points"]
    matched = of_columns(values, [*config.match, TASK])
    missing = [point for point in points if not can_be_answered(point, matched)]
    hint = f"Leave out of match what may differ, as in match=[{','.join(same(config.match, missing, matched))}]."
    if missing and (len(missing) == len(points) or not config.allow_missing):
        of = "any point" if len(missing) == len(points) else f"{len(missing)} of the baseline's {len(points)} points"
        raise NotComparableError(
            f"nothing was evaluated: the candidate can't answer {of} by match=[{','.join(config.match)}]: it has "
            f"{described(matched)}, the baseline {shortened([label_of(point) for point in missing])}.",
            hint if len(missing) == len(points) else f"{hint[:-1]}, or set allow_missing=true to compare the rest.",
        )
    several = of_columns(values, [name for name in untold(values, config.match) if name not in config.match])
    if several:
        raise NotComparableError(
            f"nothing was evaluated: several points would answer each of the baseline's: the candidate has "
            f"{described(several)}, and match=[{','.join(config.match)}] doesn't tell them apart.",
            f"Give one of each, or add to match: {','.join([*config.match, *chain.from_iterable(several)])}.",
        )


def of_columns(values: Values, columns: Collection[str]) -> Values:
    """``values`` of those of ``columns`` that they have, each combination once."""
    kept = {group: [place for place, name in enumerate(group) if name in columns] for group in values}
    return {
        tuple(group[place] for place in places): list(
            dict.fromkeys(tuple(row[place] for place in places) for row in values[group])
        )
        for group, places in kept.items()
        if places
    }


def untold(values: Values, match: Collection[str]) -> Iterator[str]:
    """The columns of which several values would answer each point of a baseline."""
    for group, rows in values.items():
        told = next(iter(of_columns({group: rows}, match).values()), [()])
        if len(told) < len(rows):
            yield from (name for place, name in enumerate(group) if len({row[place] for row in rows}) > 1)


def can_be_answered(point: Mapping[str, Any], matched: Values) -> bool:
    return all(tuple(point[name] for name in group) in rows for group, rows in matched.items())


def same(match: Sequence[str], missing: Sequence[Mapping[str, Any]], matched: Values) -> list[str]:
    """Those keys of ``match`` in which the candidate is like all ``missing`` points of the baseline."""
    known = {name: {row[place] for row in rows} for group, rows in matched.items() for place, name in enumerate(group)}
    return [name for name in match if all(point[name] in known.get(name, (point[name],)) for point in missing)]


def values_of(candidate: RunConfig, baseline: StoredRun) -> Values:
    """The values that points of ``candidate`` will have, for each column of which its config tells all."""
    if not MODEL_KINDS[candidate.model.kind].has_vectors:
        return {("dims",): [(None,)], ("quantization",): [(NO_QUANTIZATION,)]}
    tasks = [task.kind for task in candidate.task.values()]
    searched = [(index.engine, index_word(name, index.engine)) for name, index in candidate.index.items()]
    searched = [*(searched if RETRIEVAL in tasks else []), *([NO_SEARCH] if {*tasks} - {RETRIEVAL} else [])]
    known: Values = {("quantization",): [(name,) for name in candidate.quantization], ("engine", "index"): searched}
    if {*tasks} != {point[TASK] for point in baseline.about["points"]}:
        known = {(TASK,): [(task,) for task in tasks], **known}
    if any(quantization._target_ for quantization in candidate.quantization.values()):  # searched by its own class
        known = of_columns(known, ("quantization", "index"))
    widths = candidate.dims if isinstance(candidate.dims, list) else [candidate.dims]
    native = native_dims(candidate, baseline)
    dims = [native if width in ("native", None) else width for width in widths]
    return known if None in dims else {("dims",): [(width,) for width in dict.fromkeys(dims)], **known}


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
    """``dims=256,128 engine=pgvector index=hnsw``; of columns that vary together each value once."""
    columns = {
        name: dict.fromkeys(str(row[place]) for row in rows)
        for group, rows in values.items()
        for place, name in enumerate(group)
    }
    return " ".join(f"{name}={','.join(known)}" for name, known in columns.items())
