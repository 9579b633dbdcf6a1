"""The answer in words: the best setting, and the cheapest, smallest and fastest ones that lose little or nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from evalkit.arrays import Bools, Floats
from evalkit.reports.data.quality import Certainty
from evalkit.reports.data.scopes import setting_name
from evalkit.reports.data.terms import Terms
from evalkit.results.in_words import counted, figure, number
from evalkit.results.percent import bound, percent

QUESTIONS = {"cheapest": "cost_month_usd", "smallest": "bytes_per_document", "fastest": "query_ms_p95_at_workload"}
OF_VECTORS = {"smallest": "bytes_per_vector"}  # where nothing is searched
COMPARATIVES = {"cheapest": "cheaper", "smallest": "smaller", "fastest": "faster"}
FIGURE_OF = {"cheapest": "cost", "smallest": "size", "fastest": "time among so many documents"}
BEST = "best quality"
SHOWN, POSSIBLE = "shown", "possible"  # to lose little at most; to be as good, as nothing shows the contrary
TITLES = {SHOWN: "{question} shown to lose at most {within}", POSSIBLE: "{question} that may be just as good"}


@dataclass(frozen=True)
class Answer:
    """``row`` of the scope's table answers ``question``; null where nothing that meets ``standard`` has ``column``.

    ``unknown`` is how many others meet the standard without having it: one of them may be the answer.
    """

    question: str
    standard: str | None
    column: str | None
    row: int | None
    unknown: int = 0

    @property
    def key(self) -> str:
        return self.question if self.standard is None else f"{self.question} {self.standard}"

    def title(self, within: float) -> str:
        title = self.question if self.standard is None else TITLES[self.standard]
        return title.format(question=self.question, within=percent(within)).capitalize()


def questions(config: Terms) -> Mapping[str, str]:
    """What is asked of the settings of a task, and the column that answers."""
    return QUESTIONS if config.searches else OF_VECTORS


def answers(
    table: pd.DataFrame, quality: Certainty, within: float, alpha: float, asked: Mapping[str, str] = QUESTIONS
) -> list[Answer]:
    """Best quality, then cheapest, smallest and fastest, or what else is ``asked``: of what is shown to lose at most
    ``within`` of it (a share), and of what isn't shown to be worse.

    The best itself always qualifies. Of equal ones the better setting answers, and of those the first.
    """
    if np.isnan(quality.mean).all():
        return [Answer(BEST, None, None, None)]
    is_best = np.arange(len(table)) == quality.best
    with np.errstate(invalid="ignore"):
        good = {SHOWN: is_best | (quality.loss_at_most <= within), POSSIBLE: is_best | (quality.p_as_good > alpha)}
    all_answers = [Answer(BEST, None, None, quality.best)]
    for question, column in asked.items():
        figures = table[column].to_numpy(dtype=np.float64) if column in table else np.full(len(table), np.nan)
        for standard, is_good in good.items():
            fitting = np.flatnonzero(is_good & ~np.isnan(figures))
            order = np.lexsort((-quality.mean[fitting], figures[fitting]))
            unknown = int(np.count_nonzero(is_good & np.isnan(figures)))
            row = int(fitting[order[0]]) if len(fitting) else None
            all_answers.append(Answer(question, standard, column, row, unknown))
    return all_answers


def cards(found: list[Answer]) -> list[Answer]:
    """The ``found`` answers that say something of their own, which a page shows. answers.js is the twin.

    That nothing but the best is shown to lose little is one line for all (``nothing_shown``), and what is shown to lose
    little is said once, where it is the answer to "may be just as good", too.
    """
    best, rows = found[0].row, {answer.key: answer.row for answer in found}

    def is_shown_apart(question: str) -> bool:
        row = rows[f"{question} {SHOWN}"]
        return row is not None and row != best

    def says_more(answer: Answer) -> bool:
        if answer.standard == SHOWN:
            return is_shown_apart(answer.question)
        same = answer.standard == POSSIBLE and answer.row == rows[f"{answer.question} {SHOWN}"]
        return not (same and is_shown_apart(answer.question))

    return [answer for answer in found if says_more(answer)]


def chart_labels(displayed: list[Answer], recommended: int | None) -> dict[int, str]:
    """Row → what it answers: ``recommended, cheapest``. answers.js is the twin."""
    questions = [answer.question for answer in displayed]
    named: dict[int, list[str]] = {} if recommended is None else {recommended: ["recommended"]}
    for answer in displayed:
        if answer.row is not None:
            name = answer.question if questions.count(answer.question) == 1 else answer.key
            named.setdefault(answer.row, []).append("best" if name == BEST else name)
    return {row: ", ".join(names) for row, names in named.items()}


def nothing_shown(found: list[Answer], quality: Certainty, within: float) -> str:
    """``Nothing cheaper, smaller or faster is shown to lose at most 1% of the best.``, as far as it is so."""
    best = found[0].row
    if best is None or not quality.compared:
        return ""
    lacking = [COMPARATIVES[each.question] for each in found if each.standard == SHOWN and each.row == best]
    return f"Nothing {joined(lacking)} is shown to lose at most {percent(within)} of the best." if lacking else ""


def joined(words: list[str]) -> str:
    """``cheaper, smaller or faster``."""
    return " or ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)


@dataclass(frozen=True)
class Words:
    """An answer in words: ``figure`` is what it won by, ``standing`` what the tests say; empty where not known.

    ``price``, ``size`` and ``speed`` are of the same setting, whatever it won by.
    """

    setting: str
    figure: str = ""
    quality: str = ""
    price: str = ""
    size: str = ""
    speed: str = ""
    standing: str = ""

    def __str__(self) -> str:
        facts = (self.quality, self.price, self.size, self.speed, self.standing)
        return "; ".join(part for part in (self.setting, *facts) if part)


def words(answer: Answer, table: pd.DataFrame, config: Terms, quality: Certainty) -> Words:
    """The setting that answers, its figure, its quality with the interval, and how it stands to the best."""
    if answer.row is None:
        return Words(f"not known: nothing that is good enough has {answer.column}" if answer.column else "not known")
    row = answer.row
    setting = table.iloc[row]
    interval = f" ({quality.low[row]:.4f} – {quality.high[row]:.4f})" if not np.isnan(quality.low[row]) else ""
    mean = f"{config.measure} {number(quality.mean[row], '')}"
    share = "" if row == quality.best else f", {percent(quality.mean[row] / quality.mean[quality.best])} of the best"
    return Words(
        setting=setting_name(setting["model"], setting["dims"], setting["quantization"], setting["index"]),
        figure=figure(answer.column, setting[answer.column]) if answer.column else mean,
        quality=f"{mean}{interval}{share}",
        price=priced(setting) if config.searches else "",
        size=sized(setting, config),
        speed=timed(setting, config.workload.documents) if config.searches else "",
        standing="; ".join((*standing(answer, row, quality, config), *unknown_of(answer), *at_size(setting))),
    )


def known(column: str, setting: "pd.Series[Any]", of_what: str) -> str:
    value = setting.get(column, np.nan)
    return "" if np.isnan(value) else figure(column, value) + of_what


def priced(setting: "pd.Series[Any]") -> str:
    return known("cost_month_usd", setting, "") or "no monthly cost: not all behind it is known"


def sized(setting: "pd.Series[Any]", config: Terms) -> str:
    return known(questions(config)["smallest"], setting, " a document" if config.searches else " a vector")


def timed(setting: "pd.Series[Any]", documents: int) -> str:
    """``67.0 ms for a whole query (p95) among 1 M documents, modelled from 1,400 – 190,400``."""
    at_workload = known(QUESTIONS["fastest"], setting, f" for a whole query (p95) among {counted(documents)} documents")
    if at_workload and not np.isnan(setting["modelled_to"]):
        return f"{at_workload}, modelled from {setting['modelled_from']:,.0f} – {setting['modelled_to']:,.0f}"
    among = f" for a whole query (p95) among {counted(int(setting['documents']))} documents"
    return at_workload or known("query_ms_p95", setting, among)


def unknown_of(answer: Answer) -> Iterator[str]:
    """Of how many settings as good what the answer won by is not known."""
    if answer.unknown:
        others = "1 other as good has" if answer.unknown == 1 else f"{answer.unknown:,} others as good have"
        yield f"{others} no known {FIGURE_OF[answer.question]}"


def at_size(setting: "pd.Series[Any]") -> Iterator[str]:
    """At which size an approximate index was measured, as it finds less among more."""
    overlap, size = (setting.get(name, np.nan) for name in ("overlap@10_at_size", "overlap_size"))
    if not np.isnan(size):
        yield (
            f"quality measured among {setting['documents']:,.0f} documents; among {size:,.0f} vectors it finds "
            f"{percent(overlap)} of what exact search does"
        )


def standing(answer: Answer, row: int, quality: Certainty, config: Terms) -> Iterator[str]:
    """What the tests say of a setting beside the best, or of the best beside all others. answers.js is the twin."""
    if np.isnan(quality.p_as_good[row]):
        yield "not tested: per-query values are missing"
    elif row == quality.best:
        if answer.standard == SHOWN and quality.others:
            yield f"nothing {COMPARATIVES[answer.question]} is shown to lose at most {percent(config.within)}"
        else:
            yield from best_among(quality, config.alpha, config.items)
    else:
        below = quality.mean[quality.best] - quality.mean[row]
        if quality.p_as_good[row] > config.alpha:
            yield f"may be just as good as the best ({below:.4f} below it)"
        else:
            yield f"shown to be worse than the best ({below:.4f} below it)"
        yield f"loses at most {bound(quality.loss_at_most[row])}"


def best_among(quality: Certainty, alpha: float, items: str) -> Iterator[str]:
    """Who may be just as good as the best, and how much of its lead may be chance."""
    others, compared, alike = quality.others, quality.compared, quality.alike(alpha)
    if not others:
        yield "the only setting that was measured"
    elif alike:
        yield f"{alike} of {others} other {'setting' if others == 1 else 'settings'} may be just as good"
    elif compared == others:
        yield "every other setting is shown to be worse"
    elif compared:
        all_of_them = "the one that was compared is" if compared == 1 else f"all {compared} that were compared are"
        yield f"{all_of_them} shown to be worse"
    if compared < others:
        were = "was" if others - compared == 1 else "were"
        yield f"{others - compared} of {others} {were} not compared: per-query values are missing"
    if compared:
        chosen = f"as the best of {compared + 1} on the same {items}"
        yield f"may look up to {quality.chance:.4f} better than it is, {chosen}"


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
