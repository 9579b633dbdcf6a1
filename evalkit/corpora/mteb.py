"""Any retrieval task of mteb, read through mteb's own loader, so the data is what its leaderboard scores."""

from collections.abc import Iterable, Iterator, Mapping
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

DOCUMENTS = Columns(("id",), ("text",), ("title",), optional=True)
QUERIES = Columns(("id",), ("text",))


def load(settings: MtebCorpus, name: str) -> Corpus:
    """One split of one subset of a task, which conf/corpus calls ``name``."""
    task = retrieval_task(settings)
    subset = settings.subset or ("default" if "default" in task.hf_subsets else task.hf_subsets[0])
    task.hf_subsets = [subset]
    source = task.metadata.dataset
    with data_set_loading(source["path"], source["revision"], USE_A_COPY):
        from huggingface_hub.utils import logging

        logging.set_verbosity_error()
        task.load_data()
        task.convert_v1_dataset_format_to_v2(num_proc=None)
    splits = task.dataset[subset]
    if settings.split not in splits:
        raise UserError(f"{settings.task} has no split '{settings.split}'.", did_you_mean(settings.split, splits))
    data = splits[settings.split]
    refuse_other_revisions(source["path"], source["revision"], [data["corpus"], data["queries"]], USE_A_COPY)
    ignore = settings.ignore_identical_ids
    default_name = settings.task if subset == "default" else f"{settings.task}/{subset}"
    documents, queries = (numbered(f"{settings.task} {side}", data[side]) for side in ("corpus", "queries"))
    return build_corpus(
        settings.name or default_name,
        records.documents(documents, DOCUMENTS, Path()),
        records.queries(queries, QUERIES),
        collect(read_judgments(settings.task, data["relevant_docs"])),
        bool(task.ignore_identical_ids) if ignore is None else ignore,
        metadata=Metadata(lambda _: numbered(f"{settings.task} corpus", data["corpus"]), DOCUMENTS),
    )


def numbered(what: str, rows: Iterable[Mapping[str, Any]]) -> records.Rows:
    return ((f"{what} row {number}", row) for number, row in enumerate(rows, 1))


def retrieval_task(settings: MtebCorpus) -> Any:
    """mteb's own task, limited to one split. Raises UserError for what is no retrieval task."""
    require("mteb", "mteb", f"corpus '{settings.task}'")
    import mteb

    try:
        task = mteb.get_task(settings.task, eval_splits=[settings.split])
    except (KeyError, ValueError) as error:
        names = [t.metadata.name for t in mteb.get_tasks(task_types=["Retrieval"])]
        if settings.task not in names:
            raise UserError(f"mteb has no task '{settings.task}'.", did_you_mean(settings.task, names)) from None
        raise UserError(f"mteb task '{settings.task}': {first_line(error)}") from None
    if not hasattr(task, "ignore_identical_ids"):
        raise UserError(f"mteb's '{settings.task}' is a {task.metadata.type} task; a retrieval task is needed.")
    subsets = list(task.metadata.hf_subsets)
    if settings.subset is not None and settings.subset not in subsets:
        raise UserError(f"{settings.task} has no subset '{settings.subset}'.", did_you_mean(settings.subset, subsets))
    if settings.subset is None and "default" not in subsets and len(subsets) > 1:
        raise UserError(f"{settings.task} has several subsets, say which.", f"Known: {', '.join(subsets)}.")
    return task


def read_judgments(task: str, relevant: Mapping[Any, Mapping[Any, Any]]) -> Iterator[Judgment]:
    """mteb's own query → document → grade, by the rules of every other source."""
    pairs = ((query, document, grade) for query, grades in relevant.items() for document, grade in grades.items())
    for number, (query, document, grade) in enumerate(pairs, 1):
        where = f"{task} judgment {number}"
        yield Judgment(where, id_of(query, where, "query"), id_of(document, where, "document"), grade_of(grade, where))
