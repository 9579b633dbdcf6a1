"""Any retrieval task of mteb, read through mteb's own loader, so the data is what its leaderboard scores."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.config import MtebCorpus
from evalkit.corpora import records
from evalkit.corpora.corpus import Corpus, build_corpus
from evalkit.corpora.files.cells import grade_of, id_of
from evalkit.corpora.judgments import Judgment, collect
from evalkit.corpora.metadata import Metadata
from evalkit.corpora.records import Columns
from evalkit.errors import UserError, did_you_mean, first_line, require
from evalkit.hub.data_sets import data_set_loading, refuse_other_revisions

USE_A_COPY = "Or use a local copy: corpus=<folder>."
USE_A_TABLE = "Or use a local copy: corpus=table."
DEFAULT = "default"  # what mteb calls the subset of a task that has one alone
KINDS = {  # mteb's type of a task: the kind of task here that reads it
    "Retrieval": "retrieval",
    "Classification": "classification",
    "Clustering": "clustering",
    "STS": "pairs",
    "PairClassification": "pairs",
}

DOCUMENTS = Columns(("id",), ("text",), ("title",), optional=True)
QUERIES = Columns(("id",), ("text",))


def load(settings: MtebCorpus, name: str) -> Corpus:
    """One split of one subset of a retrieval task, which conf/corpus calls ``name``."""
    task = mteb_task(settings, ["Retrieval"])
    if not hasattr(task, "ignore_identical_ids"):
        raise UserError(
            f"mteb's '{settings.task}' is a {task.metadata.type} task; a retrieval task is needed.", way_out(task)
        )
    subset = fetched(task, settings)
    splits = task.dataset[subset]
    refuse_unknown_split(settings, settings.split, splits)
    data = splits[settings.split]
    refuse_other(task, [data["corpus"], data["queries"]])
    ignore = settings.ignore_identical_ids
    documents, queries = (numbered(f"{settings.task} {side}", data[side]) for side in ("corpus", "queries"))
    return build_corpus(
        name_of(settings, subset),
        records.documents(documents, DOCUMENTS, Path()),
        records.queries(queries, QUERIES),
        collect(read_judgments(settings.task, data["relevant_docs"])),
        bool(task.ignore_identical_ids) if ignore is None else ignore,
        metadata=Metadata(lambda _: numbered(f"{settings.task} corpus", data["corpus"]), DOCUMENTS),
    )


def name_of(settings: MtebCorpus, subset: str) -> str:
    return settings.name or (settings.task if subset == DEFAULT else f"{settings.task}/{subset}")


def fetched(task: Any, settings: MtebCorpus) -> str:
    """The one subset of ``task`` that is asked for, loaded. Raises UserError for an unknown one and without a hub."""
    subset = subset_of(task, settings)
    task.hf_subsets = [subset]
    source = task.metadata.dataset
    with data_set_loading(source["path"], source["revision"], local_copy(task)):
        from huggingface_hub.utils import logging

        logging.set_verbosity_error()
        task.load_data()
        if hasattr(task, "convert_v1_dataset_format_to_v2"):
            task.convert_v1_dataset_format_to_v2(num_proc=None)
    return subset


def subset_of(task: Any, settings: MtebCorpus) -> str:
    subsets = list(task.metadata.hf_subsets)
    if settings.subset is not None and settings.subset not in subsets:
        raise UserError(f"{settings.task} has no subset '{settings.subset}'.", did_you_mean(settings.subset, subsets))
    if settings.subset is None and DEFAULT not in subsets and len(subsets) > 1:
        raise UserError(f"{settings.task} has several subsets, say which.", f"Known: {', '.join(subsets)}.")
    return settings.subset or (DEFAULT if DEFAULT in subsets else subsets[0])


def refuse_unknown_split(settings: MtebCorpus, split: str, splits: Iterable[str]) -> None:
    if split not in splits:
        raise UserError(f"{settings.task} has no split '{split}'.", did_you_mean(split, splits))


def refuse_other(task: Any, tables: Sequence[Any]) -> None:
    source = task.metadata.dataset
    refuse_other_revisions(source["path"], source["revision"], tables, local_copy(task))


def local_copy(task: Any) -> str:
    """The way around the hub."""
    return USE_A_COPY if hasattr(task, "ignore_identical_ids") else USE_A_TABLE


def numbered(what: str, rows: Iterable[Mapping[str, Any]]) -> records.Rows:
    return ((f"{what} row {number}", row) for number, row in enumerate(rows, 1))


def mteb_task(settings: MtebCorpus, types: Sequence[str]) -> Any:
    """mteb's own task, limited to one split. Raises UserError for one that it doesn't have, naming the nearest of the
    ``types`` that would do.
    """
    require("mteb", "mteb", f"corpus '{settings.task}'")
    import mteb

    try:
        return mteb.get_task(settings.task, eval_splits=[settings.split])
    except (KeyError, ValueError) as error:
        names = [t.metadata.name for t in mteb.get_tasks(task_types=list(types), exclude_superseded=False)]
        if settings.task not in names:
            raise UserError(f"mteb has no task '{settings.task}'.", did_you_mean(settings.task, names)) from None
        raise UserError(f"mteb task '{settings.task}': {first_line(error)}") from None


def way_out(task: Any) -> str:
    """Which kind of task reads what mteb's ``task`` has; empty where none does."""
    kind = KINDS.get(task.metadata.type)
    return f"Use it with task={kind}." if kind else ""


def read_judgments(task: str, relevant: Mapping[Any, Mapping[Any, Any]]) -> Iterator[Judgment]:
    """mteb's own query → document → grade, by the rules of every other source."""
    pairs = ((query, document, grade) for query, grades in relevant.items() for document, grade in grades.items())
    for number, (query, document, grade) in enumerate(pairs, 1):
        where = f"{task} judgment {number}"
        yield Judgment(where, id_of(query, where, "query"), id_of(document, where, "document"), grade_of(grade, where))
