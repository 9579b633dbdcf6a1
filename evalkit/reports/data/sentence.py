"""The answer in one sentence: which setting to use, what it keeps and costs of the best, and how sure that is."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from evalkit.arrays import Floats
from evalkit.measures.enough_queries import FEW_QUERIES, Resolution
from evalkit.reports.data.gather import NO_DIMS
from evalkit.reports.data.quality import Certainty
from evalkit.reports.data.terms import Terms
from evalkit.results.in_words import about, advice, counted
from evalkit.results.percent import bound, percent

COST = "cost_month_usd"
SIZE = "bytes_per_vector"  # what counts where nothing is searched


@dataclass(frozen=True)
class Sentence:
    """``row`` of the scope's table is what to use; null where nothing has quality. ``how_sure`` is a sentence, too.

    ``few_queries`` says that a reader must know first how little so few can show. ``at_size`` are sentences on what is
    expected among the workload's documents.
    """

    row: int | None
    answer: str
    how_sure: str = ""
    few_queries: bool = False
    at_size: tuple[str, ...] = ()

    @property
    def lines(self) -> list[str]:
        """All that it says, line by line."""
        return [line for line in (self.answer, self.how_sure, *self.at_size) if line]


def sentence(table: pd.DataFrame, quality: Certainty, config: Terms) -> Sentence:
    """What to use: the cheapest of what keeps at least 1 - ``within`` of the best's quality and isn't shown worse."""
    if np.isnan(quality.mean).all():
        return Sentence(None, f"No setting has {config.measure}.")
    row = recommended(table, quality, config.within, config.alpha, price(config))
    name = advice_of(table.iloc[row])
    if row == quality.best:
        text = f"Use {name}: the best quality ({config.measure} {quality.mean[row]:.4f}){its_cost(table, row, config)}."
    else:
        text = f"Use {name}: {kept(quality, row)} of the best quality{share_of_cost(table, row, quality.best, config)}."
    return Sentence(row, text, how_sure(row, quality, config), has_few_queries(quality))


def has_few_queries(quality: Certainty) -> bool:
    return 0 < quality.pairs.clusters < FEW_QUERIES and quality.others > 0


def price(config: Terms) -> str:
    """The column by which the cheapest of equally good settings is told."""
    return COST if config.searches else SIZE


def recommended(
    table: pd.DataFrame, quality: Certainty, within: float, alpha: float, cost: str = COST
) -> int:
    """The row of the cheapest that measured at most ``within`` below the best and isn't shown to be worse by more.

    What has no cost is recommended only where nothing as good has one.
    """
    is_best = np.arange(len(table)) == quality.best
    with np.errstate(invalid="ignore"):
        may_be = (quality.p_as_good > alpha) | (quality.loss_at_most <= within)
        good = is_best | (may_be & (quality.mean >= (1 - within) * quality.mean[quality.best]))
    costs = costs_of(table, cost)
    fitting = np.flatnonzero(good & ~np.isnan(costs))
    if not len(fitting):
        return quality.best
    return int(fitting[np.lexsort((-quality.mean[fitting], costs[fitting]))[0]])


def costs_of(table: pd.DataFrame, cost: str) -> Floats:
    return table[cost].to_numpy(dtype=np.float64) if cost in table else np.full(len(table), np.nan)


def advice_of(setting: "pd.Series[Any]") -> str:
    dims = None if setting["dims"] == NO_DIMS else int(setting["dims"])
    return advice(setting["model"], dims, setting["quantization"], setting["index"])


def kept(quality: Certainty, row: int) -> str:
    return percent(quality.mean[row] / quality.mean[quality.best])


def its_cost(table: pd.DataFrame, row: int, config: Terms) -> str:
    cost = costs_of(table, price(config))[row]
    if np.isnan(cost):
        return ""
    if not config.searches:
        return f", at {cost:,.0f} bytes per vector"
    return f", for ${cost:,.2f} a month {for_workload(config)}"


def share_of_cost(table: pd.DataFrame, row: int, best: int, config: Terms) -> str:
    costs = costs_of(table, price(config))
    if not config.searches:
        share = f" in {percent(costs[row] / costs[best])} of its bytes" if costs[best] > 0 else ""
        return f"{share} ({costs[row]:,.0f} instead of {costs[best]:,.0f} per vector)"
    if np.isnan(costs[best]):
        return f"{its_cost(table, row, config)}; what the best costs is not known"
    share = f" for {percent(costs[row] / costs[best])} of its cost" if costs[best] > 0 else ""
    return f"{share} (${costs[row]:,.2f} instead of ${costs[best]:,.2f} a month {for_workload(config)})"


def for_workload(config: Terms) -> str:
    workload = config.workload
    return f"for {counted(workload.documents)} documents and {counted(workload.queries_per_month)} queries"


def how_sure(row: int, quality: Certainty, config: Terms) -> str:
    """What the tests say of the recommended setting, beside the best or as the best beside all others."""
    if not quality.others:
        return "It is the only setting that was measured."
    if np.isnan(quality.p_as_good[row]):
        return "Not tested: per-query values are missing."
    if row == quality.best:
        if alike := quality.alike(config.alpha):
            are = "other setting is" if alike == 1 else "other settings are"
            return f"{alike} {are} not shown to be worse{can_show(quality, config)}."
        if not quality.compared:
            return "No other setting was compared with it: their per-query values are missing."
        return "Every other setting that was compared is shown to be worse."
    loss = bound(quality.loss_at_most[row])
    if quality.loss_at_most[row] <= config.within:
        return f"It is shown to lose at most {loss} ({percent(1 - config.alpha)} confidence)."
    if quality.p_as_good[row] > config.alpha:
        return f"It may be just as good as the best, and loses at most {loss}{can_show(quality, config)}."
    return f"It is shown to be worse than the best, and loses at most {loss}."


def can_show(quality: Certainty, config: Terms) -> str:
    """``: 10 queries can show only differences above 0.31; about 900 would show 0.02``; empty where nothing differs."""
    spread = quality.pairs.typical_spread(quality.best)
    if spread is None:
        return ""
    resolution = Resolution(quality.pairs.clusters, spread, quality.pairs.largest.critical(config.alpha))
    queries = f"{resolution.queries:,} independent {config.items}"
    smallest = resolution.smallest_shown()
    wanted = config.within * float(quality.mean[quality.best])
    seen = "can show no difference at all" if smallest is None else f"can show only differences above {smallest:.2g}"
    more = f"; about {about(resolution.queries_for(wanted))} would show {wanted:.2g}" if wanted > 0 else ""
    return f": {queries} {seen}{more}"
