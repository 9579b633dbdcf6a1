"""What a report of one run alone says, with the workload and the prices that the run itself had."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from evalkit.config import PricingConfig, ReportConfig, WorkloadConfig
from evalkit.config.checks.run import check_cost
from evalkit.config.compose import compose
from evalkit.config.schema.kinds import literal
from evalkit.config.schema.values import check_values
from evalkit.errors import UserError
from evalkit.reports.data.intervals import intervals
from evalkit.reports.data.report import Report, make_report
from evalkit.reports.data.sentence import Sentence
from evalkit.results.reader import StoredRun
from evalkit.results.setting import RETRIEVAL, Key

Terms = TypeVar("Terms")


def report_config_of(run: StoredRun) -> ReportConfig:
    """The config of a report of ``run`` alone, by the first measure that it was asked for."""
    config: ReportConfig = compose("report", [])
    stored = run.about["config"]
    own = replace(
        config,
        runs=[str(run.folder)],
        measure=first_measure(stored["measures"], [point["task"] for point in run.about["points"]]),
        pricing=terms(stored.get("pricing"), PricingConfig, config.pricing),
        workload=terms(stored.get("workload"), WorkloadConfig, config.workload),
    )
    try:
        check_cost(own.pricing, own.workload)
    except UserError:  # prices that are not there any more
        return replace(own, pricing=config.pricing, workload=config.workload)
    return own


def first_measure(measures: Sequence[str], tasks: Collection[str]) -> str | None:
    """What settings of a run are ranked by: the first of its ``measures``, which are retrieval's; else null."""
    return next(iter(measures), None) if RETRIEVAL in tasks else None


def report_of_run(run: StoredRun) -> Report:
    """A report of ``run`` alone. Raises UserError where it has nothing to report."""
    return make_report(report_config_of(run))


def sentence_of_run(run: StoredRun) -> Sentence:
    """The answer that ``run`` alone gives; where it gives none, why."""
    return judged_alone(run).sentence


class Judged(NamedTuple):
    """The answer that a run gives, or why it gives none, those of its ``others`` by task, and each point's interval."""

    sentence: Sentence
    others: Mapping[str, Sentence]
    intervals: Mapping[Key, tuple[float, float]]


def judged_alone(run: StoredRun) -> Judged:
    """What ``run`` says, alone."""
    try:
        report = report_of_run(run)
    except UserError as error:
        return Judged(Sentence(None, f"No answer: {error.sentences}"), {}, {})
    return Judged(report.sentence, {each.config.task: each.sentence for each in report.others}, intervals(report))


def terms(stored: Any, schema: type[Terms], today: Terms) -> Terms:
    """``stored`` prices or workload as ``schema``; today's where a run has none, or such as are no longer possible."""
    if not stored:
        return today
    try:
        value: Any = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(schema), literal(stored)))
        check_values(value)
    except (OmegaConfBaseException, UserError, ValueError, TypeError):
        return today
    return value  # type: ignore[no-any-return]
