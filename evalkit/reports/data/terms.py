"""What a report ranks settings by: what its config leaves open is chosen by what was measured."""

from dataclasses import dataclass

from evalkit.config import ReportConfig
from evalkit.errors import UserError, did_you_mean
from evalkit.reports.data.gather import Gathered
from evalkit.results.columns import DIRECTED
from evalkit.results.setting import RETRIEVAL
from evalkit.results.task_measures import ITEMS

MEASURE = "nDCG@10"
COSTS = ("cost_month_usd", "cost_storage_month_usd", "bytes_per_vector")  # what costs are ranked by, the first known


@dataclass
class Terms(ReportConfig):
    """A report's config with nothing left open: the task, its measure, and what settings cost."""

    task: str = RETRIEVAL
    measure: str = MEASURE
    cost: str = COSTS[0]

    @property
    def searches(self) -> bool:
        """Whether the task searches; what doesn't has no search time, and so no monthly bill."""
        return self.task == RETRIEVAL

    @property
    def items(self) -> str:
        """What is judged: ``queries``, ``texts``."""
        return ITEMS.get(self.task, "items")


def terms_of(config: ReportConfig, gathered: Gathered) -> Terms:
    """What the settings of one task are ranked by. Raises UserError for what no run has measured."""
    measure = config.measure or default_measure(gathered)
    if measure not in gathered.measures:
        raise UserError(f"no run has measured {measure}.", did_you_mean(measure, gathered.measures))
    cost = config.cost or default_cost(gathered)
    if cost not in gathered.points:
        measured = [name for name in DIRECTED if name in gathered.points]
        raise UserError(f"no run has measured {cost}.", did_you_mean(cost, measured))
    return Terms(**{**vars(config), "task": gathered.task, "measure": measure, "cost": cost})


def default_measure(gathered: Gathered) -> str:
    """nDCG@10 where it was measured, else the task's main one."""
    return MEASURE if MEASURE in gathered.measures else next(iter(gathered.measures), MEASURE)


def default_cost(gathered: Gathered) -> str:
    """The first of ``COSTS`` that some setting has."""
    points = gathered.points
    return next((name for name in COSTS if name in points and points[name].notna().any()), COSTS[0])
