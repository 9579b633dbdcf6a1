"""mteb's tasks of labels and of pairs, read through its own loader, with the numbers that it judges each of them by."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evalkit.config import MtebCorpus
from evalkit.corpora.mteb import fetched, mteb_task, name_of, numbered, refuse_other, refuse_unknown_split, way_out
from evalkit.corpora.records import Rows
from evalkit.corpora.uses.rows_of import row_id
from evalkit.errors import UserError

LABELS = ("Classification", "Clustering")
TYPES = {"classification": ("Classification",), "pairs": ("STS", "PairClassification")}  # of mteb, by kind of task
NO_LEVEL = "-1"  # the label of texts that have none at some level: one of its own, as in mteb


@dataclass(frozen=True)
class Protocol:
    """How mteb judges one of its tasks; null where it says nothing of that.

    Classifiers learn from ``per_label`` texts of each label, ``draws`` times. K-means groups ``draw_texts`` texts,
    ``draws`` times, of ``sampled`` that were drawn from ``sampled_from``; both are 0 where all are taken.
    """

    per_label: int | None = None
    draws: int | None = None
    draw_texts: int | None = None
    sampled: int = 0
    sampled_from: int = 0


@dataclass(frozen=True)
class LabelledData:
    """Rows of each split by its name, and how they are judged.

    ``finer`` are per row's id the labels of deeper levels, of a task whose labels have several; else empty.
    """

    name: str
    splits: Mapping[str, Rows]
    text: str
    label: str
    protocol: Protocol
    finer: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class PairedData:
    """Rows of one split; one of ``score`` and ``label``, names of columns, is null."""

    name: str
    rows: Rows
    first: str
    second: str
    score: str | None
    label: str | None


def labelled_data(settings: MtebCorpus, kind: str) -> LabelledData:
    """Train and test of a classification task, or the texts of a clustering task.

    Raises UserError for tasks of other types, and for those of mteb's that it judges in another way than the rest.
    """
    task = task_for(kind, settings, TYPES.get(kind, LABELS))
    is_clustering = task.metadata.type == "Clustering"
    refuse_peculiar(task, "max_documents_per_cluster" if is_clustering else "samples_per_label")
    if getattr(task, "is_cross_validation", False):
        raise UserError(
            f"mteb judges '{settings.task}' by cross-validation, which evalkit doesn't do.",
            "Take a task with a split to learn from.",
        )
    subset, data = splits_of(task, settings)
    name = name_of(settings, subset)
    if is_clustering:
        return grouped(task, name, data[settings.split])
    refuse_unknown_split(settings, task.train_split, data)
    refuse_other(task, [data[task.train_split]])
    rows = {
        side: numbered(f"{settings.task} {split}", read_labels(data[split], task.label_column_name))
        for side, split in (("train", task.train_split), ("test", settings.split))
    }
    protocol = Protocol(per_label=task.samples_per_label, draws=task.n_experiments)
    return LabelledData(name, rows, task.input_column_name, task.label_column_name, protocol)


def grouped(task: Any, name: str, table: Any) -> LabelledData:
    """The texts of ``table`` that mteb groups, with their labels."""
    sampled, sampled_from = sampled_texts(task, len(table))
    if sampled_from:
        table = table.select(task.rng_state.sample(range(sampled_from), sampled))
    texts, labels = table[task.input_column_name], named_labels(table, task.label_column_name)
    levels = [label if isinstance(label, list) else [label] for label in labels]
    depth = min(max(map(len, levels), default=1), task.max_depth or len(levels))
    finer = {
        row_id("test", number): [*map(str, of_text[1:depth]), *[NO_LEVEL] * (depth - max(len(of_text), 1))]
        for number, of_text in enumerate(levels, 1)
    }
    rows = ({"text": text, "label": (of_text or [None])[0]} for text, of_text in zip(texts, levels, strict=True))
    return LabelledData(
        name,
        {"test": numbered(f"{task.metadata.name} test", rows)},
        "text",
        "label",
        Protocol(None, task.n_clusters, task.max_documents_per_cluster, sampled, sampled_from),
        finer if depth > 1 else {},
    )


def sampled_texts(task: Any, texts: int) -> tuple[int, int]:
    """How many of how many texts mteb draws; 0 of 0 where it takes all (AbsTaskClustering._evaluate_subset)."""
    share, most = task.max_fraction_of_documents_to_embed, task.max_document_to_embed
    if share is None and most is None:
        return 0, 0
    return min(texts, most if share is None else int(share * texts)), texts


def paired_data(settings: MtebCorpus) -> PairedData:
    """The pairs of an STS task or of a pair classification. Raises UserError for tasks of other types."""
    task = task_for("pairs", settings, TYPES["pairs"])
    has_scores = task.metadata.type == "STS"
    first, second = task.column_names if has_scores else (task.input1_column_name, task.input2_column_name)
    subset, data = splits_of(task, settings)
    table = data[settings.split]
    rows = numbered(f"{settings.task} {settings.split}", pair_rows(table))
    score, label = ("score", None) if has_scores else (None, task.label_column_name)
    return PairedData(name_of(settings, subset), rows, first, second, score, label)


def pair_rows(table: Any) -> Iterator[Mapping[str, Any]]:
    """The rows of ``table``; of one whose single row holds whole columns, as mteb's old ones are, the rows of these."""
    if len(table) == 1 and all(isinstance(values, list) for values in table[0].values()):
        columns = table[0]
        return (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
    return iter(table)


def task_for(kind: str, settings: MtebCorpus, types: Sequence[str]) -> Any:
    """mteb's task. Raises UserError for one of another type than ``types``, or that isn't of texts alone."""
    task = mteb_task(settings, types)
    if task.metadata.type not in types:
        problem = f"mteb's '{settings.task}' is a {task.metadata.type} task; task={kind} reads {' and '.join(types)}."
        raise UserError(problem, way_out(task))
    if task.metadata.modalities != ["text"]:
        raise UserError(f"mteb's '{settings.task}' is of {', '.join(task.metadata.modalities)}; texts alone are read.")
    return task


def refuse_peculiar(task: Any, attribute: str) -> None:
    """Raises UserError for a task whose class has no such number: mteb judges it otherwise than others of its type."""
    if hasattr(task, attribute):
        return
    newer = task.superseded_by
    raise UserError(
        f"mteb judges '{task.metadata.name}' in another way than newer {task.metadata.type} tasks, which evalkit "
        "doesn't follow.",
        f"Take '{newer}'." if newer else "Take another task.",
    )


def splits_of(task: Any, settings: MtebCorpus) -> tuple[str, Mapping[str, Any]]:
    """The name of the subset, and its tables by split, one of which is the split that is asked for."""
    subset = fetched(task, settings)
    data = task.dataset.get(subset, task.dataset)
    refuse_unknown_split(settings, settings.split, data)
    refuse_other(task, [data[settings.split]])
    return subset, data


def read_labels(table: Any, column: str) -> Iterator[Mapping[str, Any]]:
    """The rows of ``table`` with the name of each label, where it is a number that has one."""
    for row, label in zip(table, named_labels(table, column), strict=True):
        yield {**row, column: label}


def named_labels(table: Any, column: str) -> Sequence[Any]:
    """The labels in ``table``, by their names where they are numbers that have one, yes and no in words."""
    feature = table.features.get(column)
    labels = table[column]
    if hasattr(feature, "int2str"):
        return [None if label is None else feature.int2str(label) for label in labels]
    return [str(label) if isinstance(label, bool) else label for label in labels]
