"""The answer in words: the best setting, and the cheapest, smallest and fastest ones that lose little or nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from evalkit.arrays import Bools, Floats
from evalkit.config import ReportConfig
from evalkit.reports.data.quality import Certainty
from evalkit.reports.data.scopes import setting_name
from evalkit.results.in_words import figure
from evalkit.results.percent import bound, percent

QUESTIONS = {"cheapest": "cost_month_usd", "smallest": "bytes_per_document", "fastest": "query_ms_p95_at_workload"}
COMPARATIVES = {"cheapest": "cheaper", "smallest": "smaller", "fastest": "faster"}
MODELLED = ("cost_month_usd", "query_ms_p95_at_workload")  # what depends on the workload's number of documents
BEST = "best quality"
SHOWN, POSSIBLE = "shown", "possible"  # to lose little at most; to be as good, as nothing shows the contrary
TITLES = {SHOWN: "{question} shown to lose at most {within}", POSSIBLE: "{question} that may be just as good"}


@dataclass(frozen=True)
class Answer:
    """``row`` of the scope's table answers ``question``; null where nothing that meets ``standard`` has ``column``."""

    question: str
    standard: str | None
    column: str | None
    row: int | None

    @property
    def key(self) -> str:
        return self.question if self.standard is None else f"{self.question} {self.standard}"

    def title(self, within: float) -> str:
        title = self.question if self.standard is None else TITLES[self.standard]
        return title.format(question=self.question, within=percent(within)).capitalize()


def answers(table: pd.DataFrame, quality: Certainty, within: float, alpha: float) -> list[Answer]:
    """Best quality, then cheapest, smallest and fastest: of what is shown to lose at most ``within`` of it (a share),
    and of what isn't shown to be worse.

    The best itself always qualifies. Of equal ones the better setting answers, and of those the first.
    """
    if np.isnan(quality.mean).all():
        return [Answer(BEST, None, None, None)]
    is_best = np.arange(len(table)) == quality.best
    with np.errstate(invalid="ignore"):
        good = {SHOWN: is_best | (quality.loss_at_most <= within), POSSIBLE: is_best | (quality.p_as_good > alpha)}
    all_answers = [Answer(BEST, None, None, quality.best)]
    for question, column in QUESTIONS.items():
        figures = table[column].to_numpy(dtype=np.float64) if column in table else np.full(len(table), np.nan)
        for standard, is_good in good.items():
            fitting = np.flatnonzero(is_good & ~np.isnan(figures))
            order = np.lexsort((-quality.mean[fitting], figures[fitting]))
            all_answers.append(Answer(question, standard, column, int(fitting[order[0]]) if len(fitting) else None))
    return all_answers


@dataclass(frozen=True)
class Words:
    """An answer in words: ``figure`` is what it won by, ``standing`` what the tests say; empty where not known."""

    setting: str
    figure: str = ""
    quality: str = ""
    standing: str = ""

    def __str__(self) -> str:
        return "; ".join(part for part in (self.setting, self.figure, self.quality, self.standing) if part)


def words(answer: Answer, table: pd.DataFrame, config: ReportConfig, quality: Certainty) -> Words:
    """The setting that answers, its figure, its quality with the interval, and how it stands to the best."""
    if answer.row is None:
        return Words(f"not known: nothing that is good enough has {answer.column}" if answer.column else "not known")
    row = answer.row
    setting = table.iloc[row]
    interval = f" ({quality.low[row]:.4f} – {quality.high[row]:.4f})" if not np.isnan(quality.low[row]) else ""
    return Words(
        setting=setting_name(setting["model"], setting["dims"], setting["quantization"], setting["index"]),
        figure=figure(answer.column, setting[answer.column]) if answer.column else "",
        quality=f"{config.measure} {quality.mean[row]:.4f}{interval}",
        standing="; ".join(
            (*standing(answer, row, quality, config), *modelled(answer.column, setting, config), *at_size(setting))
        ),
    )


def modelled(column: str | None, setting: "pd.Series[Any]", config: ReportConfig) -> Iterator[str]:
    """The sizes that the figure was modelled from, if it was."""
    if column in MODELLED and not np.isnan(setting["modelled_to"]):
        sizes = f"{setting['modelled_from']:,.0f} – {setting['modelled_to']:,.0f}"
        yield f"modelled for {config.workload.documents:,} documents from {sizes}"


def at_size(setting: "pd.Series[Any]") -> Iterator[str]:
    """At which size an approximate index was measured, as it finds less among more."""
    overlap, size = (setting.get(name, np.nan) for name in ("overlap@10_at_size", "overlap_size"))
    if not np.isnan(size):
        yield (
            f"quality measured among {setting['documents']:,.0f} documents; among {size:,.0f} vectors it finds "
            f"{percent(overlap)} of what exact search does"
        )


def standing(answer: Answer, row: int, quality: Certainty, config: ReportConfig) -> Iterator[str]:
    """What the tests say of a setting beside the best, or of the best beside all others. answers.js is the twin."""
    if np.isnan(quality.p_as_good[row]):
        yield "not tested: per-query values are missing"
    elif row == quality.best:
        if answer.standard == SHOWN and len(quality.mean) > 1:
            yield f"nothing {COMPARATIVES[answer.question]} is shown to lose at most {percent(config.within)}"
        else:
            yield from best_among(quality, config.alpha)
    else:
        below = quality.mean[quality.best] - quality.mean[row]
        if quality.p_as_good[row] > config.alpha:
            yield f"can't be told apart from the best ({below:.4f} below it)"
        else:
            yield f"shown to be worse than the best ({below:.4f} below it)"
        yield f"loses at most {bound(quality.loss_at_most[row])}"


def best_among(quality: Certainty, alpha: float) -> Iterator[str]:
    """Who can't be told apart from the best, and how much of its lead may be chance."""
    others = len(quality.mean) - 1
    compared = int(np.isfinite(quality.p_as_good).sum()) - 1
    alike = int((quality.p_as_good > alpha).sum()) - 1
    if not others:
        return
    if alike:
        yield f"{alike} of {others} other settings can't be told apart from it"
    elif compared == others:
        yield "every other setting is shown to be worse"
    elif compared:
        yield f"all of the {compared} others that were compared are shown to be worse"
    if compared < others:
        yield f"{others - compared} of {others} were not compared: per-query values are missing"
    if compared:
        yield f"as the best of {compared + 1} on the same queries it may look up to {quality.chance:.4f} too good"


def pareto_front(cost: Floats, quality: Floats) -> Bools:
    """Which settings no other one beats: none is at most as dear and better, or cheaper and at least as good.

    Both are of one length; settings with NaN are not on the front. Equal ones stand on it together.
    """
    on_front = np.zeros(len(cost), dtype=bool)
    known = np.flatnonzero(~np.isnan(cost) & ~np.isnan(quality))
    order = known[np.lexsort((-quality[known], cost[known]))]
    best, best_cost = -np.inf, np.nan
    for row in order:
        if quality[row] > best or (quality[row] == best and cost[row] == best_cost):
            on_front[row] = True
            best, best_cost = quality[row], cost[row]
    return on_front
