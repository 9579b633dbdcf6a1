"""Any retrieval task of mteb, read through mteb's own loader, so the data is what its leaderboard scores."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from evalkit.corpora.corpus import Corpus, build_corpus, document_text
from evalkit.corpora.judgments import Judgment, collect
from evalkit.corpora.lines import whole_grade
from evalkit.errors import UserError, did_you_mean


@dataclass(frozen=True)
class MtebTask:
    """One split of one subset of an mteb retrieval task."""

    task: str
    name: str | None = None
    subset: str | None = None
    split: str = "test"
    ignore_identical_ids: bool | None = None

    def load(self, name: str) -> Corpus:
        task = self.find()
        subset = self.subset or ("default" if "default" in task.hf_subsets else task.hf_subsets[0])
        task.hf_subsets = [subset]
        try:
            from huggingface_hub.utils import logging

            logging.set_verbosity_error()
            task.load_data()
            task.convert_v1_dataset_format_to_v2(num_proc=None)
        except (OSError, ConnectionError) as error:
            raise UserError(
                f"corpus '{name}': mteb could not fetch {self.task} ({type(error).__name__}).",
                "Connect to the hub once, or use a local copy: corpus=beir corpus.beir.path=<folder>.",
            ) from None
        splits = task.dataset[subset]
        if self.split not in splits:
            raise UserError(f"{self.task} has no split '{self.split}'.", did_you_mean(self.split, splits))
        data = splits[self.split]
        ignore = self.ignore_identical_ids
        default_name = self.task if subset == "default" else f"{self.task}/{subset}"
        return build_corpus(
            self.name or default_name,
            ((str(row["id"]), document_text(row.get("title"), row["text"])) for row in data["corpus"]),
            ((str(row["id"]), str(row["text"])) for row in data["queries"]),
            collect(read_judgments(self.task, data["relevant_docs"])),
            bool(task.ignore_identical_ids) if ignore is None else ignore,
        )

    def find(self) -> Any:
        """The task object, limited to the wanted split. Raises UserError for what is no retrieval task."""
        try:
            import mteb
        except ImportError:
            raise UserError(
                f"corpus '{self.task}' needs mteb, which is not installed.",
                "Install it: pip install 'embedding-evalkit[mteb]'.",
            ) from None
        try:
            task = mteb.get_task(self.task, eval_splits=[self.split])
        except (KeyError, ValueError) as error:
            names = [t.metadata.name for t in mteb.get_tasks(task_types=["Retrieval"])]
            if self.task not in names:
                raise UserError(f"mteb has no task '{self.task}'.", did_you_mean(self.task, names)) from None
            raise UserError(f"mteb task '{self.task}': {error}") from None
        if not hasattr(task, "ignore_identical_ids"):
            raise UserError(f"mteb's '{self.task}' is a {task.metadata.type} task; a retrieval task is needed.")
        subsets = list(task.metadata.hf_subsets)
        if self.subset is not None and self.subset not in subsets:
            raise UserError(f"{self.task} has no subset '{self.subset}'.", did_you_mean(self.subset, subsets))
        if self.subset is None and "default" not in subsets and len(subsets) > 1:
            raise UserError(f"{self.task} has several subsets, say which.", f"Known: {', '.join(subsets)}.")
        return task


def read_judgments(task: str, relevant: Mapping[Any, Mapping[Any, Any]]) -> Iterator[Judgment]:
    """mteb's own query → document → grade, ids of any type as text."""
    pairs = ((query, document, grade) for query, grades in relevant.items() for document, grade in grades.items())
    for number, (query, document, grade) in enumerate(pairs, 1):
        where = f"{task} judgment {number}"
        yield Judgment(where, str(query), str(document), whole_grade(str(grade), where))
