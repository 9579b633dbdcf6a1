"""One setting under constraints: the best by one figure of all that meet them, why it is, and how sure that is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from ipaddress import ip_address
from urllib.parse import urlsplit

import numpy as np
import pandas as pd

from evalkit.arrays import Bools, Floats
from evalkit.config import MODEL_KINDS, HostedModel, RecommendConfig, ReportConfig
from evalkit.config.schema.values import check_values
from evalkit.errors import UserError, did_you_mean
from evalkit.reports.data.constraints import DIMS, Constraint, column_of, parse
from evalkit.reports.data.gather import NO_DIMS, Gathered, gather
from evalkit.reports.data.quality import Certainty
from evalkit.reports.data.report import Report, check, report_of
from evalkit.reports.data.sentence import advice_of
from evalkit.results.column import Column
from evalkit.results.columns import FIGURES
from evalkit.results.percent import bound, percent
from evalkit.results.reader import StoredRun

ANYWHERE, LOCAL = "anywhere", "local"
NEAR_THE_BEST = 0.99  # of the best's quality, where no constraint is given


@dataclass(frozen=True)
class Verdict:
    """What one constraint says of the chosen setting, or of the nearest miss.

    ``without`` is the row that would be chosen if this constraint were not there; null for none. ``certainty`` says
    whether more than the measured value shows that it holds; empty where nothing tests it. ``unknown`` counts the
    settings whose figure is null, ``excluded`` all that don't keep to it, those among them.
    """

    constraint: Constraint
    limit: float
    value: float
    holds: bool
    certainty: str
    without: int | None
    excluded: int
    unknown: int


@dataclass(frozen=True)
class Recommendation:
    """``row`` of the report's table meets every constraint and is the best ``by`` a figure; null where nothing does.

    ``nearest`` is then the row that misses them by least. ``meeting`` counts the settings that meet all constraints,
    ``unranked`` those of them whose ``by`` is null.
    """

    report: Report
    by: Column
    row: int | None
    runner_up: int | None
    nearest: int | None
    meeting: int
    unranked: int
    verdicts: tuple[Verdict, ...]

    @cached_property
    def table(self) -> pd.DataFrame:
        return self.report.table

    @property
    def settings(self) -> int:
        return len(self.table)

    @property
    def run(self) -> StoredRun | None:
        """The run that measured the chosen setting, the first of them where it is on several corpora."""
        return None if self.row is None else self.report.gathered.runs[int(self.table.iloc[self.row]["run"])]

    def name(self, row: int) -> str:
        """``all-MiniLM-L6-v2 at 256 dims, int8``."""
        return advice_of(self.table.iloc[row])

    def value(self, row: int, column: Column) -> float:
        return float(values_of(self.table, column)[row])


def recommend(config: RecommendConfig, constraints: Sequence[str], runs: Sequence[str] = ()) -> Recommendation:
    """The best setting by ``config.by`` that meets all ``constraints``, among those of stored ``runs`` (none: all).

    Without a constraint it is to have 99 % of the best's quality. Raises UserError for what can't be read or is not
    measured.
    """
    check_values(config)
    if config.runs not in (ANYWHERE, LOCAL):
        raise UserError(f"runs={config.runs} is no place.", did_you_mean(config.runs, (ANYWHERE, LOCAL)))
    of_report = ReportConfig(
        runs=list(runs),
        task=config.task,
        corpus_size=config.corpus_size,
        measure=config.measure,
        alpha=config.alpha,
        pricing=config.pricing,
        workload=config.workload,
        results_dir=config.results_dir,
    )
    check(of_report)
    gathered = gather(of_report)
    report = report_of(of_report, only_local(gathered) if config.runs == LOCAL else gathered)
    known = columns_of(report)
    texts = constraints or [f"{report.config.measure}>={NEAR_THE_BEST}*best"]
    by = objective_of(config.by or report.config.cost, known)
    return chosen(report, by, [parse(text, known) for text in texts])


def columns_of(report: Report) -> list[str]:
    """What can be constrained: measures, and figures that some setting has."""
    table = report.table
    figures = [name for name in FIGURES if name in table and table[name].notna().any()]
    return [DIMS.name, *report.gathered.measures, *figures]


def objective_of(name: str, known: Sequence[str]) -> Column:
    """The column that settings are ranked by. Raises UserError for one that no run has, or of which neither way is
    better.
    """
    if name in FIGURES and name not in known:
        raise UserError(f"no run has measured {name}.", "Rank by another figure, as in by=bytes_per_document.")
    by = column_of(name, known)
    if by.higher_is_better is None:
        directed = [name for name in known if column_of(name, known).higher_is_better is not None]
        raise UserError(f"by={by.name} is not possible: neither way is better.", did_you_mean(by.name, directed))
    return by


def only_local(gathered: Gathered) -> Gathered:
    """``gathered`` without the models that texts are sent to. Raises UserError where none is left."""
    is_local = [not sends_texts(run) for run in gathered.runs]
    points = gathered.points[gathered.points["run"].map(lambda number: is_local[number])].reset_index(drop=True)
    if points.empty:
        raise UserError("runs=local leaves no setting: texts are sent to every model.", "Leave it out.")
    return replace(gathered, points=points)


def sends_texts(run: StoredRun) -> bool:
    """Whether texts left the machine for the model of ``run``; so it is where nobody can tell."""
    model = run.about["config"].get("model", {})
    kind = MODEL_KINDS.get(str(model.get("kind")))
    if kind is None:
        return True
    return kind.schema is HostedModel and not is_loopback(str(model.get("url") or ""))


def is_loopback(url: str) -> bool:
    """Whether ``url`` leads back to the machine that asks."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def values_of(table: pd.DataFrame, column: Column) -> Floats:
    """A column of ``table``; NaN where it is null."""
    values = table[column.name].to_numpy(dtype=np.float64)
    return np.where(values == NO_DIMS, np.nan, values) if column is DIMS else values


def chosen(report: Report, by: Column, constraints: Sequence[Constraint]) -> Recommendation:
    table, quality = report.table, report.quality
    values = [values_of(table, constraint.column) for constraint in constraints]
    holds = [constraint.holds(own) for constraint, own in zip(constraints, values, strict=True)]
    objective = values_of(table, by)
    meets = np.logical_and.reduce(holds)
    order = ranked(meets, objective, by, quality)
    row = order[0] if order else None
    nearest = nearest_miss(constraints, values, objective) if row is None else None
    verdicts = []
    for number, constraint in enumerate(constraints):
        others = np.logical_and.reduce([*holds[:number], *holds[number + 1 :], np.ones(len(table), dtype=np.bool_)])
        without = ranked(others, objective, by, quality)
        of = row if row is not None else nearest
        verdicts.append(
            Verdict(
                constraint=constraint,
                limit=constraint.limit(values[number]),
                value=float("nan") if of is None else float(values[number][of]),
                holds=of is not None and bool(holds[number][of]),
                certainty="" if row is None else certainty(report, constraint, values[number], row),
                without=without[0] if without else None,
                excluded=int((~holds[number]).sum()),
                unknown=int(np.isnan(values[number]).sum()),
            )
        )
    return Recommendation(
        report=report,
        by=by,
        row=row,
        runner_up=order[1] if len(order) > 1 else None,
        nearest=nearest,
        meeting=int(meets.sum()),
        unranked=int((meets & np.isnan(objective)).sum()),
        verdicts=tuple(verdicts),
    )


def ranked(fitting: Bools, objective: Floats, by: Column, quality: Certainty) -> list[int]:
    """The ``fitting`` rows whose objective is known, the best by it first; of equal ones that of more quality."""
    rows = np.flatnonzero(fitting & ~np.isnan(objective))
    cost = -objective[rows] if by.higher_is_better else objective[rows]
    return [int(row) for row in rows[np.lexsort((-quality.mean[rows], cost))]]


def nearest_miss(constraints: Sequence[Constraint], values: Sequence[Floats], objective: Floats) -> int | None:
    """The row whose worst miss is the least share of its limit; null where every one lacks a figure."""
    misses = np.stack([constraint.miss(own) for constraint, own in zip(constraints, values, strict=True)])
    worst = np.where(np.isnan(objective), np.nan, misses.max(axis=0))  # NaN where one of them is
    return None if np.isnan(worst).all() else int(np.nanargmin(worst))


def certainty(report: Report, constraint: Constraint, values: Floats, row: int) -> str:
    """Whether a constraint on quality is shown to hold, and not just measured; empty for other columns."""
    quality = report.scopes[0].certainty.get(constraint.column.name)
    if quality is None or constraint.comparison not in (">", ">="):
        return ""
    sure = percent(1 - report.config.alpha)
    if constraint.of_best:
        return of_the_best(quality, row, 1 - constraint.number, sure)
    if np.isnan(quality.low[row]):
        return "not tested: per-query values are missing"
    interval = f"its {sure} interval is {quality.low[row]:.4f} – {quality.high[row]:.4f}"
    return f"shown: {interval}" if quality.low[row] >= constraint.limit(values) else f"not shown: {interval}"


def of_the_best(quality: Certainty, row: int, allowed: float, sure: str) -> str:
    """Whether the setting in ``row`` is shown to lose at most the share ``allowed`` of the best's quality."""
    if row == quality.best:
        return "it is the best"
    if np.isnan(quality.loss_at_most[row]):
        return "not tested: per-query values are missing"
    loss = f"{bound(quality.loss_at_most[row])} ({sure} confidence)"
    is_shown = quality.loss_at_most[row] <= allowed
    return f"shown: it loses at most {loss}" if is_shown else f"not shown: it may lose up to {loss}"
