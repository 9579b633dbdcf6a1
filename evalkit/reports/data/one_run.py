"""What a report of one run alone says, with the workload and the prices that the run itself had."""

from dataclasses import replace
from typing import Any, TypeVar

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
from evalkit.results.setting import Key

Terms = TypeVar("Terms")


def report_config_of(run: StoredRun) -> ReportConfig:
    """The config of a report of ``run`` alone, by its first measure."""
    config: ReportConfig = compose("report", [])
    stored = run.about["config"]
    own = replace(
        config,
        runs=[str(run.folder)],
        measure=stored["measures"][0] if stored["measures"] else config.measure,
        pricing=terms(stored.get("pricing"), PricingConfig, config.pricing),
        workload=terms(stored.get("workload"), WorkloadConfig, config.workload),
    )
    try:
        check_cost(own.pricing, own.workload)
    except UserError:  # prices that are not there any more
        return replace(own, pricing=config.pricing, workload=config.workload)
    return own


def report_of_run(run: StoredRun) -> Report:
    """A report of ``run`` alone. Raises UserError where it has nothing to report."""
    return make_report(report_config_of(run))


def sentence_of_run(run: StoredRun) -> Sentence:
    """The answer that ``run`` alone gives; where it gives none, why."""
    return judged_alone(run)[0]


def judged_alone(run: StoredRun) -> tuple[Sentence, dict[Key, tuple[float, float]]]:
    """The answer that ``run`` alone gives, or why it gives none, and the interval of each of its points."""
    try:
        report = report_of_run(run)
        return report.sentence, intervals(report)
    except UserError as error:
        return Sentence(None, f"No answer: {error.sentences}"), {}


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
