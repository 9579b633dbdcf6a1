"""The answer in words: the best setting, and the cheapest, smallest and fastest ones that are nearly as good."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from evalkit.reports.quality import Certainty, Floats
from evalkit.reports.scopes import setting_name
from evalkit.reports.words import figure, share

Bools = npt.NDArray[np.bool_]
QUESTIONS = {"cheapest": "cost_month_usd", "smallest": "bytes_per_document", "fastest": "query_ms_p95"}
BEST = "best quality"


@dataclass(frozen=True)
class Answer:
    """``row`` of the scope's table answers ``question``; null where nothing that is good enough has ``column``."""

    question: str
    column: str | None
    row: int | None


def answers(table: pd.DataFrame, quality: Floats, within: float) -> list[Answer]:
    """Best quality, then cheapest, smallest and fastest among the settings at most ``within`` (a share) below it.

    Of equal ones the better setting answers, and of those the first.
    """
    if np.isnan(quality).all():
        return [Answer(BEST, None, None)]
    best = int(np.nanargmax(quality))
    good = quality >= (1 - within) * quality[best]
    found = [Answer(BEST, None, best)]
    for question, column in QUESTIONS.items():
        figures = table[column].to_numpy(dtype=np.float64) if column in table else np.full(len(table), np.nan)
        fitting = np.flatnonzero(good & ~np.isnan(figures))
        order = np.lexsort((-quality[fitting], figures[fitting]))
        found.append(Answer(question, column, int(fitting[order[0]]) if len(fitting) else None))
    return found


@dataclass(frozen=True)
class Words:
    """An answer in words: ``figure`` is what it won by, ``standing`` what the tests say; empty where not known."""

    setting: str
    figure: str = ""
    quality: str = ""
    standing: str = ""

    def __str__(self) -> str:
        return "; ".join(part for part in (self.setting, self.figure, self.quality, self.standing) if part)


def words(answer: Answer, table: pd.DataFrame, measure: str, quality: Certainty, alpha: float) -> Words:
    """The setting that answers, its figure, its quality with the interval, and how it stands to the best."""
    if answer.row is None:
        return Words(f"not known: nothing that is good enough has {answer.column}" if answer.column else "not known")
    row = answer.row
    setting = table.iloc[row]
    interval = f" ({quality.low[row]:.4f} – {quality.high[row]:.4f})" if not np.isnan(quality.low[row]) else ""
    return Words(
        setting=setting_name(setting["model"], setting["dims"], setting["quantization"], setting["index"]),
        figure=figure(answer.column, setting[answer.column]) if answer.column else "",
        quality=f"{measure} {quality.mean[row]:.4f}{interval}",
        standing=standing(row, quality, alpha),
    )


def standing(row: int, quality: Certainty, alpha: float) -> str:
    """What the paired tests say: who can't be told apart from the best, or whether this one can."""
    best = int(np.nanargmax(quality.mean))
    if np.isnan(quality.p_as_good[row]):
        return "not tested: per-query values are missing"
    if row == best:
        others = int((quality.p_as_good >= alpha).sum()) - 1
        of = f"{others} of {len(quality.mean) - 1} other settings"
        return f"{of} can't be told apart from it" if others else "every other setting is shown to be worse"
    below = quality.mean[best] - quality.mean[row]
    if quality.p_as_good[row] >= alpha:
        return f"can't be told apart from the best ({below:.4f} below it)"
    return f"shown to be {below:.4f} worse than the best ({share(below / quality.mean[best])})"


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
