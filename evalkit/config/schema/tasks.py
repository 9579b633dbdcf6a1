"""The schemas of conf/task/, one per kind: what embeddings are used for, and how that is judged."""

from dataclasses import dataclass, field

from omegaconf import MISSING

RETRIEVAL = "retrieval"


@dataclass
class TaskConfig:
    """What every task has: its kind."""

    kind: str = MISSING


@dataclass
class RetrievalTask(TaskConfig):
    """Documents ranked for each query."""

    kind: str = RETRIEVAL


@dataclass
class ClassificationTask(TaskConfig):
    """Labels told from vectors. The logistic regression learns from ``per_label`` texts of each label, ``draws`` times;
    it does so for each number of ``shots``, too. ``neighbours`` vote in the nearest-neighbour classifier. Null is as
    mteb has it for its task, else 8 and 10.
    """

    kind: str = "classification"
    per_label: int | None = None
    draws: int | None = None
    neighbours: int = 5
    shots: list[int] = field(default_factory=lambda: [1, 2, 4, 8, 16, 32])


@dataclass
class ClusteringTask(TaskConfig):
    """Groups found in vectors: k-means on ``draws`` samples of ``draw_texts`` texts, with replacement, and HDBSCAN on
    at most ``density_texts``. Null is as mteb has it for its task, else 10 and 16,384.
    """

    kind: str = "clustering"
    draws: int | None = None
    draw_texts: int | None = None
    density_texts: int = 5_000


@dataclass
class PairsTask(TaskConfig):
    """The cosine of two texts beside what people say of them."""

    kind: str = "pairs"


@dataclass
class OutliersTask(TaskConfig):
    """Texts outside a known domain, by the mean distance to the nearest ``neighbours`` of it.

    Where labels don't say what is outside, a share of ``held_out`` labels is, drawn by ``seed``.
    """

    kind: str = "outliers"
    neighbours: int = 5
    held_out: float = 0.2
    seed: int = 0


@dataclass
class RecommendationsTask(TaskConfig):
    """Items like those that users took. Without baskets they are made by ``seed``: ``basket_items`` of one label."""

    kind: str = "recommendations"
    basket_items: int = 5
    seed: int = 0


@dataclass
class DuplicatesTask(TaskConfig):
    """Documents that say the same, by known groups or by ``made`` copies, drawn by ``seed``; at most
    ``most_documents``. The threshold is that of a ``precision``.
    """

    kind: str = "duplicates"
    made: int = 500
    seed: int = 0
    precision: float = 0.95
    most_documents: int = 50_000


@dataclass
class CacheTask(TaskConfig):
    """Questions answered with an earlier one's answer, at most ``most_wrong`` of these hits wrongly.

    ``usd_per_call`` is what a call costs that a hit saves. ``shuffle_seed`` null leaves questions in their file's
    order.
    """

    kind: str = "cache"
    most_wrong: float = 0.01
    usd_per_call: float | None = None
    shuffle_seed: int | None = None


TASK_KINDS: dict[str, type[TaskConfig]] = {
    RETRIEVAL: RetrievalTask,
    "classification": ClassificationTask,
    "clustering": ClusteringTask,
    "pairs": PairsTask,
    "outliers": OutliersTask,
    "recommendations": RecommendationsTask,
    "duplicates": DuplicatesTask,
    "cache": CacheTask,
}
