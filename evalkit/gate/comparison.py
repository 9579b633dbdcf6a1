"""Two runs side by side without a verdict, by the gate's pairing and statistics, and what else differs."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalkit.config import CompareConfig, GateConfig
from evalkit.config.schema.values import check_values
from evalkit.gate.changes import version_changes
from evalkit.gate.pairing import NotComparableError, Pair, other_differences, pairs, with_quality
from evalkit.gate.quality import compare_quality
from evalkit.gate.resources import ResourceResult, compare_resources
from evalkit.results.reader import StoredRun
from evalkit.results.task_measures import measures_of

FIGURES = (
    *("bytes_per_document", "index_bytes", "documents_per_second"),
    *("search_ms_p95", "query_ms_p95", "cost_month_usd"),
)
OF_MACHINE = ("cpu", "ram_bytes", "gpu", "threads", "os", "python", "packages", "git_commit")


@dataclass(frozen=True)
class Difference:
    """One measure of one pair of points. ``difference`` is second minus first, between ``low`` and ``high``.

    ``p`` is that of "no difference", two-sided and adjusted for all that are compared.
    """

    setting: str
    corpus: str
    measure: str
    queries: int
    first: float
    second: float
    difference: float
    low: float
    high: float
    p: float
    wins: int
    ties: int
    losses: int


@dataclass(frozen=True)
class Comparison:
    """``first`` and ``second`` are names of runs. ``alone`` names points without a partner or without quality.

    ``config`` and ``machine`` map each key in which the two differ to both values; null is not set. ``settings`` are
    what pairs differ in beside what their names show, versions of an engine among it.
    """

    first: str
    second: str
    alpha: float
    quality: tuple[Difference, ...]
    figures: tuple[ResourceResult, ...]
    settings: tuple[str, ...]
    alone: tuple[str, ...]
    config: Mapping[str, tuple[Any, Any]]
    machine: Mapping[str, tuple[Any, Any]]


def compare(config: CompareConfig, first: StoredRun, second: StoredRun) -> Comparison:
    """The points of both runs that answer each other.

    Raises NotComparableError where none do, and where they were judged on different things.
    """
    check_values(config)
    matched, alone = pairs(first, second, config.match, allow_missing=True)
    gate = GateConfig(
        measures=config.measures or shared_measures(first, second),
        alpha=config.alpha / 2,  # of each direction
        resamples=config.resamples,
        limits=dict.fromkeys(FIGURES, math.inf),
    )
    judged, without_quality = with_quality(matched, gate.measures, allow_missing=True, names=("first", "second"))
    return Comparison(
        first=first.name,
        second=second.name,
        alpha=config.alpha,
        quality=tuple(differences(gate, judged, first, second)),
        figures=tuple(compare_resources(gate, matched, [first], [second])),
        settings=(*other_differences(matched), *version_changes(matched)),
        alone=(*map(name_of_alone, alone), *without_quality),
        config=what_differs(first.stored_config, second.stored_config),
        machine=what_differs(*(machine_of(run) for run in (first, second))),
    )


def shared_measures(first: StoredRun, second: StoredRun) -> list[str]:
    """The measures of both, in the order of the first. Raises NotComparableError where there is none."""
    of_second = set(measures_of(second.about))
    shared = [name for name in measures_of(first.about) if name in of_second]
    if not shared:
        raise NotComparableError(f"{first.name} and {second.name} have no measure in common.", "Run one of them again.")
    return shared


def differences(gate: GateConfig, matched: Sequence[Pair], first: StoredRun, second: StoredRun) -> Iterator[Difference]:
    """The gate's tests of drops, in both directions: the smaller p counts twice."""
    back = [Pair(pair.candidate, pair.baseline) for pair in matched]
    drops, rises = compare_quality(gate, matched, first, second), compare_quality(gate, back, second, first)
    for drop, rise in zip(drops, rises, strict=True):
        yield Difference(
            setting=drop.pair,
            corpus=drop.corpus,
            measure=drop.measure,
            queries=drop.queries,
            first=drop.baseline,
            second=drop.candidate,
            difference=drop.evidence.mean,
            low=drop.evidence.low,
            high=drop.evidence.high,
            p=min(1.0, 2 * min(drop.p_drop, rise.p_drop)),
            wins=drop.wins,
            ties=drop.ties,
            losses=drop.losses,
        )


def name_of_alone(name: str) -> str:
    """``only in the first: …`` of what the gate calls a baseline's."""
    side, _, point = name.partition(" ")
    return f"only in the {'first' if side == 'baseline' else 'second'}: {point}"


def machine_of(run: StoredRun) -> dict[str, Any]:
    environment = run.about["environment"]
    version = {"evalkit": run.about.get("evalkit_version")}
    return {**{name: environment.get(name) for name in OF_MACHINE}, **version}


def what_differs(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """``runtime.precision`` → both values, of every value in which two nested dicts differ; null is not there."""
    before, after = dict(flat(first)), dict(flat(second))
    names = sorted({**before, **after})
    return {name: (before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)}


def flat(settings: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value
