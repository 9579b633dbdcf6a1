"""What a task is: what is encoded for it, what its points are, and what is judged of each item."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from evalkit.config import CorpusConfig, RunConfig, TaskConfig
from evalkit.corpora import Corpus, Texts
from evalkit.embeddings.chunking import Chunks
from evalkit.embeddings.passes import Progress
from evalkit.encoders import Side
from evalkit.errors import UserError
from evalkit.results.record import CorpusRecord, PointRecord

KINDS = {  # of conf/task: "module:class"
    "retrieval": "evalkit.tasks.retrieval.task:Retrieval",
    "classification": "evalkit.tasks.classification:Classification",
    "clustering": "evalkit.tasks.clustering:Clustering",
    "pairs": "evalkit.tasks.pairs:Pairs",
    "outliers": "evalkit.tasks.outliers:Outliers",
    "recommendations": "evalkit.tasks.recommendations:Recommendations",
    "duplicates": "evalkit.tasks.duplicates:Duplicates",
    "cache": "evalkit.tasks.cache:Cache",
}


@dataclass(frozen=True)
class Data:
    """A corpus and the chunks of its documents that a model is given to read."""

    corpus: Corpus
    chunks: Chunks


class Read(Protocol):
    """A corpus as a model has read it, each text once: its vectors, or an index of its words."""

    @property
    def record(self) -> CorpusRecord: ...

    @property
    def device(self) -> str:
        """What read the texts: ``cpu``, a GPU's name, ``hosted``."""
        ...


class Model(Protocol):
    """What reads texts: an encoder, or a retriever without vectors."""

    @property
    def dims(self) -> Sequence[int]:
        """The widths to be measured; none where there are no vectors."""
        ...

    def split(self, corpora: Sequence[Corpus]) -> list[Data]:
        """The corpora in chunks. Raises UserError where the model can't read one of them."""
        ...

    def agree(self, data: Sequence[Data]) -> None:
        """The last step before texts are read. Raises UserError, or StoppedAsAskedError, where they are not to be."""
        ...

    def read(self, data: Data, sides: Mapping[Side, Texts], progress: Progress) -> Read:
        """Every text of ``sides``, read once."""
        ...

    def help(self, data: Data, sides: Mapping[Side, Texts], progress: Progress) -> str:
        """What a rank above 0 does instead of ``read``, which gives no vectors: all that it did so far, in words."""
        ...

    def finish(self) -> None:
        """The last corpus has been read."""
        ...


class Task(Protocol):
    """Judges what a model has read, for every cell of the grid."""

    def corpora(self) -> list[Corpus]:
        """What it judges a model on. Raises UserError for whatever is wrong in the files."""
        ...

    def check(self, model: Model, data: Sequence[Data]) -> None:
        """Raises UserError for the first setting that can't be measured on one of the corpora. Reads no texts."""
        ...

    def sides(self, data: Data) -> Mapping[Side, Texts]:
        """What is encoded, and as which side."""
        ...

    def record(self, read: Read) -> CorpusRecord:
        """What the run keeps of the corpus and its model, with what the task adds to it."""
        ...

    def points(self, read: Read, data: Data, progress: Progress) -> Iterator[PointRecord]:
        """Every point of one corpus."""
        ...


def load_tasks(config: RunConfig, progress: Progress) -> dict[str, Task]:
    """The tasks of ``config`` by kind.

    Raises UserError for an unknown one, one that is named twice, and for settings that it can't work with.
    """
    kinds = [settings.kind for settings in config.task.values()]
    if twice := next((kind for kind in kinds if kinds.count(kind) > 1), None):
        raise UserError(f"task has two of kind {twice}.", "Leave out one of them.")
    return {settings.kind: load_task(config, settings, progress) for settings in config.task.values()}


def load_task(config: RunConfig, settings: TaskConfig, progress: Progress) -> Task:
    """One of the tasks of ``config``."""
    task: Task = class_of(settings.kind)(config, settings, progress)
    return task


def load_data(name: str, source: CorpusConfig, settings: TaskConfig) -> Corpus:
    """What conf/corpus calls ``name``, as a task with ``settings`` reads it. Raises UserError for what is wrong."""
    corpus: Corpus = class_of(settings.kind).load(name, source, settings)
    return corpus


def class_of(kind: str) -> Any:
    module, _, name = KINDS[kind].partition(":")
    return getattr(import_module(module), name)
