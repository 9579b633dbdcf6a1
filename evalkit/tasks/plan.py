"""Everything that can be refused is refused here, before a text is read or paid for."""

from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from evalkit.config import RunConfig
from evalkit.config.checks.run import check
from evalkit.corpora import Corpus, load_corpus
from evalkit.embeddings.executors import load_executor
from evalkit.embeddings.passes import Progress
from evalkit.errors import StoppedAsAskedError, UserError, say
from evalkit.tasks.few_questions import what_few_can_show
from evalkit.tasks.models import load_model
from evalkit.tasks.task import Data, Model, Task, load_task


@dataclass(frozen=True)
class Plan:
    """A checked run: what is read by what, and judged by which task."""

    model: Model
    task: Task
    data: Sequence[Data]


def make_plan(config: RunConfig, progress: Progress) -> Plan:
    """Check the config, then ask each room, and say what there is to know before anything is encoded.

    Raises UserError for whatever the user can mend, StoppedAsAskedError for a dry run.
    """
    check(config)
    load_executor(config.executor)
    use_threads(config.runtime.threads)
    task = load_task(config, progress)
    model = load_model(config)
    corpora = load_corpora(config)
    tell(corpora, config.is_dry)
    data = model.split(corpora)
    task.check(model, data)
    model.agree(data)
    if config.is_dry:
        raise StoppedAsAskedError("dry run: nothing was encoded but a sample, nothing sent and nothing written")
    return Plan(model, task, data)


def load_corpora(config: RunConfig) -> list[Corpus]:
    """Every corpus. Raises UserError for two of one name."""
    corpora = [load_corpus(name, settings) for name, settings in config.corpus.items()]
    names = [corpus.name for corpus in corpora]
    if repeated := next((name for name in names if names.count(name) > 1), None):
        raise UserError(f"two corpora are called '{repeated}'.", "Name them: corpus.<key>.name=<another name>.")
    return corpora


def tell(corpora: Sequence[Corpus], is_dry: bool) -> None:
    """What each corpus is, in a dry run, and which have so few questions that they can't show much."""
    for corpus in corpora:
        documents, questions = len(corpus.documents), len(corpus.queries)
        if is_dry:
            say(f"evalkit: {corpus.name}: {documents:,} documents, {questions:,} judged questions")
        if warning := what_few_can_show(corpus):
            say(f"evalkit: {warning}")


def use_threads(threads: int | None) -> None:
    """FAISS gets as many OpenMP threads as the encoder: one per physical core unless set."""
    import faiss

    faiss.omp_set_num_threads(threads or psutil.cpu_count(logical=False) or 1)
