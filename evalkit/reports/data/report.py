"""The whole story of a report: runs, their queries, scopes, and what they say."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from evalkit.arrays import Bools
from evalkit.config import ReportConfig
from evalkit.config.checks.run import check_cost
from evalkit.config.schema.values import check_values
from evalkit.errors import UserError, did_you_mean
from evalkit.recipes.recipe import Recipe, recipe_of
from evalkit.reports.data.answers import Answer, Words, answers, cards, chart_labels, pareto_front, questions, words
from evalkit.reports.data.gather import Gathered, chosen_task, gather_tasks
from evalkit.reports.data.long_documents import long_documents
from evalkit.reports.data.quality import Certainty, CorpusQueries, read_queries
from evalkit.reports.data.scopes import Scope, scopes
from evalkit.reports.data.sentence import Sentence, sentence
from evalkit.reports.data.terms import Terms, terms_of
from evalkit.reports.data.warnings import warnings
from evalkit.results.columns import DIRECTED
from evalkit.results.setting import key_of

if TYPE_CHECKING:
    from evalkit.reports.data.sizes import SizeCurves
    from evalkit.reports.data.uses import Uses


@dataclass(frozen=True)
class Report:
    """Everything that a page says of one task. ``scopes[0]`` is what settings are ranked on.

    ``others`` are the reports of the other tasks of the same runs.
    """

    config: Terms
    gathered: Gathered
    queries: dict[str, CorpusQueries]
    scopes: list[Scope]
    warnings: tuple[str, ...]
    others: tuple["Report", ...] = field(default=(), repr=False)

    @cached_property
    def table(self) -> pd.DataFrame:
        """The settings of the first scope: one row each."""
        return self.scopes[0].table(self.gathered.points)

    @property
    def quality(self) -> Certainty:
        """The chosen measure of the settings in ``table``."""
        return self.scopes[0].certainty[self.config.measure]

    @cached_property
    def answers(self) -> list[Answer]:
        asked = questions(self.config)
        return answers(self.table, self.quality, self.config.within, self.config.alpha, asked)

    @property
    def cards(self) -> list[Answer]:
        """The answers that a page shows."""
        return cards(self.answers)

    @property
    def chart_labels(self) -> dict[int, str]:
        return chart_labels(self.cards, self.sentence.row)

    @cached_property
    def sentence(self) -> Sentence:
        from evalkit.reports.data.sizes import lines_at_size

        said = sentence(self.table, self.quality, self.config)
        return replace(said, at_size=tuple(lines_at_size(self, said.row)))

    @cached_property
    def recipe(self) -> Recipe | None:
        """The recommended setting as text to paste; null where there is none, as for words without vectors."""
        if self.sentence.row is None:
            return None
        row = self.table.iloc[self.sentence.row]
        about = self.gathered.runs[int(row["run"])].about
        try:
            return recipe_of(about, next(point for point in about["points"] if key_of(point) == row["key"]))
        except UserError:
            return None

    def words(self, answer: Answer) -> Words:
        return words(answer, self.table, self.config, self.quality)

    @cached_property
    def uses(self) -> "list[Uses]":
        """What each task keeps of full quality, by model, where several tasks judged its vectors."""
        from evalkit.reports.data.uses import uses_of

        return uses_of(self) if self.others else []

    @cached_property
    def size_curves(self) -> "list[SizeCurves]":
        """How quality changes with the size of a corpus, where several sizes were measured."""
        from evalkit.reports.data.sizes import size_curves

        return size_curves(self) if self.config.searches else []

    @cached_property
    def long_documents(self) -> list[str]:
        return list(long_documents(self.gathered, self.queries, self.config.measure, self.config.alpha))

    @cached_property
    def front(self) -> Bools:
        costs = self.table[self.config.cost].to_numpy(dtype=float)
        return pareto_front(-costs if DIRECTED[self.config.cost].higher_is_better else costs, self.quality.mean)


def make_report(config: ReportConfig) -> Report:
    """Read the runs and work out what the page says. Raises UserError for a bad setting or no run at all."""
    check(config)
    by_task = gather_tasks(config)
    report = report_of(config, by_task.pop(chosen_task(config, by_task)))
    of_others = replace(config, task=None, measure=None, cost=None)
    others = tuple(report_of(of_others, gathered) for gathered in by_task.values() if gathered.measures)
    texts = dict.fromkeys(text for each in (report, *others) for text in each.warnings)
    return replace(report, others=others, warnings=tuple(texts))


def report_of(config: ReportConfig, gathered: Gathered) -> Report:
    """What the ``gathered`` points of one task say. Raises UserError where they lack what ``config`` asks for."""
    terms = terms_of(config, gathered)
    queries, problems = read_queries(gathered)
    gathered = replace(gathered, problems=(*gathered.problems, *problems))
    return Report(
        config=terms,
        gathered=gathered,
        queries=queries,
        scopes=scopes(gathered, queries, config.alpha),
        warnings=tuple(warnings(gathered, queries, terms.measure, terms.workload)),
    )


def check(config: ReportConfig) -> None:
    """Raises UserError for the first value that can't work."""
    check_values(config)
    if config.cost is not None and config.cost not in DIRECTED:
        raise UserError(f"cost={config.cost} is no figure with a better side.", did_you_mean(config.cost, DIRECTED))
    check_cost(config.pricing, config.workload)
