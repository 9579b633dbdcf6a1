"""A recommendation in words, and as values for programs."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from evalkit.reports.data.constraints import DIMS, Constraint, column_of
from evalkit.reports.data.gather import NO_DIMS
from evalkit.reports.data.recommendation import Recommendation, Verdict, columns_of
from evalkit.reports.data.sentence import for_workload
from evalkit.reports.data.sizes import lines_at_size
from evalkit.results.column import Column

SUPERLATIVES = {"$": "cheapest", "B": "smallest", "ms": "fastest", "s": "fastest"}  # by the unit of a column


def answer(result: Recommendation) -> str:
    """What to use, or that nothing meets the constraints."""
    among = f"{result.settings:,} settings on {result.report.scopes[0].name}"
    if result.row is None:
        return f"No setting {meets(result, 1)} ({among})."
    best = SUPERLATIVES.get(result.by.unit, f"best by {result.by.name}")
    which = f"the {best} of the {result.meeting:,} that {meets(result, 2)}"
    if result.meeting == 1:
        which = f"the only one that {meets(result, 1)}"
    workload = f" {for_workload(result.report.config)}" if result.by.of_workload else ""
    return f"Use {result.name(result.row)}: {objective(result, result.row)}{workload}, {which} ({among})."


def meets(result: Recommendation, settings: int) -> str:
    count = len(result.verdicts)
    names = {1: result.verdicts[0].constraint.text, 2: "both constraints"}
    return f"{'meets' if settings == 1 else 'meet'} {names.get(count, f'all {count} constraints')}"


def objective(result: Recommendation, row: int) -> str:
    """``$2.71 a month``, ``bytes_per_document 384 B``: a row's figure of what settings are ranked by."""
    value = said(result.by, result.value(row, result.by))
    return value if result.by.unit == "$" else f"{result.by.name} {value}"


def said(column: Column, value: float) -> str:
    return "–" if np.isnan(value) else Constraint("", column, "<=", 0).said(value)


def lines(result: Recommendation, verdict: Verdict) -> Iterator[str]:
    """One constraint with its limit, and below it what it says of the chosen setting, or of the nearest miss."""
    constraint = verdict.constraint
    limit = f" = {said(constraint.column, verdict.limit)}" if constraint.of_best else ""
    yield f"{constraint.text}{limit}"
    if result.row is not None:
        certainty = f"; {verdict.certainty}" if verdict.certainty else ""
        yield f"measured {said(constraint.column, verdict.value)}{certainty}"
    have = "has" if verdict.unknown == 1 else "have"
    unknown = f" ({verdict.unknown:,} {have} no {constraint.column.name})" if verdict.unknown else ""
    yield f"excludes {verdict.excluded:,} of {result.settings:,}{unknown}; without it: {without(result, verdict)}"


def without(result: Recommendation, verdict: Verdict) -> str:
    """Whether the constraint binds: what would be the answer if it were not there."""
    if verdict.without is None:
        return "no setting, either"
    if verdict.without == result.row:
        return "the same answer"
    return f"{result.name(verdict.without)}, {objective(result, verdict.without)}"


def notes(result: Recommendation) -> Iterator[str]:
    """What else must be known: the runner-up or the nearest miss, and what was left out."""
    if result.runner_up is not None:
        yield f"Runner-up: {result.name(result.runner_up)}, {objective(result, result.runner_up)}."
    if result.row is None:
        yield from why_none(result)
    yield from lines_at_size(result.report, result.row)
    columns = [result.by, *(verdict.constraint.column for verdict in result.verdicts)]
    if result.run and any(column.of_machine for column in columns):
        yield f"Timed on {result.run.about['environment']['cpu'].get('model') or 'a machine of unknown make'}."
    if result.unranked:
        have = "setting that meets them has" if result.unranked == 1 else "settings that meet them have"
        yield f"{result.unranked:,} {have} no {result.by.name} and can't be ranked by it."
    if left_out := len(result.report.scopes[0].incomplete):
        are = "is" if left_out == 1 else "are"
        yield f"{left_out:,} more {are} left out: not measured on all of {', '.join(result.report.scopes[0].corpora)}."


def why_none(result: Recommendation) -> Iterator[str]:
    """Which constraint excludes most, and the setting that misses them by least."""
    if len(result.verdicts) > 1:
        most = max(result.verdicts, key=lambda verdict: verdict.excluded)
        yield f"{most.constraint.text} excludes most: {most.excluded:,} of {result.settings:,}."
    if result.nearest is None:
        yield "No setting has all of these figures, so none is near."
        return
    missed = [
        f"{said(v.constraint.column, v.value)} where {v.constraint.column.name} must be {v.constraint.comparison} "
        f"{said(v.constraint.column, v.limit)}"
        for v in result.verdicts
        if not v.holds
    ]
    yield f"Nearest: {result.name(result.nearest)}, with {' and '.join(missed)}."


def as_json(result: Recommendation) -> dict[str, Any]:
    """Everything as values; docs/report.md explains them."""
    run = result.run
    return {
        "answer": answer(result),
        "notes": list(notes(result)),
        "by": result.by.name,
        "corpora": list(result.report.scopes[0].corpora),
        "settings": result.settings,
        "meeting": result.meeting,
        "unranked": result.unranked,
        "recommended": setting(result, result.row),
        "runner_up": setting(result, result.runner_up),
        "nearest": setting(result, result.nearest),
        "run": None if run is None else str(run.folder),
        "constraints": [
            {
                "text": verdict.constraint.text,
                "column": verdict.constraint.column.name,
                "comparison": verdict.constraint.comparison,
                "limit": verdict.limit,
                "value": verdict.value,
                "holds": verdict.holds,
                "certainty": verdict.certainty or None,
                "binds": result.row is not None and verdict.without != result.row,
                "without_it": None if verdict.without is None else result.name(verdict.without),
                "excluded": verdict.excluded,
                "unknown": verdict.unknown,
            }
            for verdict in result.verdicts
        ],
    }


def setting(result: Recommendation, row: int | None) -> dict[str, Any] | None:
    if row is None:
        return None
    own = result.table.iloc[row]
    columns = [column_of(name, [name]) for name in columns_of(result.report) if name != DIMS.name]
    return {
        "name": result.name(row),
        "model": own["model"],
        "dims": None if own["dims"] == NO_DIMS else int(own["dims"]),
        "quantization": own["quantization"],
        "index": own["index"],
        "figures": {column.name: result.value(row, column) for column in columns},
    }
