"""The measures of every kind of task, its main one first, and what each of its items is."""

from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.results.columns import OVERLAPS
from evalkit.results.record import Point
from evalkit.results.setting import RETRIEVAL

SHOTS = (1, 2, 4, 8, 16, 32)  # texts of each label that there are columns for
TASK_MEASURES: Mapping[str, Sequence[str]] = {
    "classification": (
        *("accuracy", "f1_macro", "accuracy_knn", "accuracy_centroid"),
        *(f"accuracy_shots_{shots}" for shots in SHOTS),
    ),
    "clustering": ("v_measure", "adjusted_rand", "v_measure_hdbscan", "adjusted_rand_hdbscan"),
    "pairs": ("spearman", "pearson", "average_precision", "f1"),
    "outliers": ("auroc", "auroc_mahalanobis", "auroc_isolation_forest", "auroc_near"),
    "recommendations": ("recall_at_10", "ndcg_at_10", "recall_at_10_item_to_item", "ndcg_at_10_item_to_item"),
    "duplicates": ("average_precision", "f1"),
    "cache": ("right_hit_rate", "nearest_right"),
}
TASK_FIGURES: Mapping[str, Sequence[str]] = {  # what a reader must see beside the measures
    "outliers": ("fpr_at_95_recall",),
    "recommendations": ("recall_at_10_popularity", "coverage"),
    "duplicates": ("pair_precision", "pair_recall", "documents_saved"),
    "cache": ("hit_rate", "wrong_hit_rate", "saved_month_usd"),
}
DECISIONS = ("score", "is_right")  # columns of queries.parquet beside the measures, of tasks that have a threshold
ITEMS: Mapping[str, str] = {
    RETRIEVAL: "queries",
    "classification": "texts",
    "clustering": "texts",
    "pairs": "pairs",
    "outliers": "texts",
    "recommendations": "users",
    "duplicates": "documents",
    "cache": "questions",
}


def measures_of_task(task: str, measured: Sequence[str]) -> Sequence[str]:
    """The measures of quality of a task, the main one first; ``measured`` are those that retrieval was judged by."""
    return measured if task == RETRIEVAL else TASK_MEASURES.get(task, ())


def measures_of_point(about: Mapping[str, Any], point: Mapping[str, Any]) -> Sequence[str]:
    """Those of one point of the run ``about``."""
    return measures_of_task(point["task"], about["config"]["measures"])


def measures_of(about: Mapping[str, Any]) -> list[str]:
    """Those of all points of a run, in the order of their tasks."""
    of_tasks = {point["task"]: measures_of_point(about, point) for point in about["points"]}
    return list(dict.fromkeys(name for names in of_tasks.values() for name in names))


def by_task(points: Sequence[Point], measured: Sequence[str]) -> list[tuple[list[Point], Sequence[str]]]:
    """The points of each task, and its measures."""
    tasks = dict.fromkeys(point.setting.task for point in points)
    return [
        ([point for point in points if point.setting.task == task], measures_of_task(task, measured)) for task in tasks
    ]


def table_measures(tasks: Sequence[str], measured: Sequence[str]) -> list[str]:
    """The columns of queries.parquet in which the ``tasks`` of a run may differ; none of one task alone."""
    if len(tasks) < 2:
        return []
    overlaps = OVERLAPS if RETRIEVAL in tasks else ()
    of_tasks = [name for task in tasks for name in measures_of_task(task, measured)]
    return list(dict.fromkeys([*overlaps, *DECISIONS, *of_tasks]))
