"""The interval of every point of a report, by the key of its setting: what the terminal shows beside its quality."""

from evalkit.reports.data.report import Report
from evalkit.results.setting import Key


def intervals(report: Report) -> dict[Key, tuple[float, float]]:
    """Key → the lowest and highest that the task's measure may be on the point's corpus; NaN where it isn't known."""
    bounds: dict[Key, tuple[float, float]] = {}
    for of_task in (report, *report.others):
        keys = of_task.gathered.points["key"].tolist()
        for scope in of_task.scopes:
            if len(scope.corpora) == 1:
                quality = scope.certainty[of_task.config.measure]
                for (point,), low, high in zip(scope.members, quality.low, quality.high, strict=True):
                    bounds[keys[point]] = (float(low), float(high))
    return bounds
