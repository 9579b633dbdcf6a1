"""Everything that can be refused is refused here, before a text is read or paid for."""

from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from evalkit.config import ModelConfig, RunConfig, VectorModel
from evalkit.config.checks.run import check
from evalkit.corpora import Corpus
from evalkit.embeddings.executors import load_executor
from evalkit.embeddings.passes import Progress
from evalkit.errors import StoppedAsAskedError, UserError
from evalkit.tasks.models import load_model
from evalkit.tasks.one_runtime import use_one_runtime
from evalkit.tasks.prompts import for_task
from evalkit.tasks.task import Data, Model, Task, load_tasks


@dataclass(frozen=True)
class Plan:
    """One checked task of a run: what is read by what, and judged by which task."""

    model: Model
    task: Task
    data: Sequence[Data]


def make_plans(config: RunConfig, progress: Progress) -> list[Plan]:
    """Check the config, then ask each room, and say what there is to know before anything is encoded.

    Raises UserError for whatever the user can mend, StoppedAsAskedError for a dry run.
    """
    check(config)
    load_executor(config.executor)
    use_threads(config.runtime.threads)
    tasks = load_tasks(config, progress)
    models = models_of(config)
    plans = [planned(models[kind], task) for kind, task in tasks.items()]
    refuse_other_texts(list(zip(tasks, plans, strict=True)))
    loaded = list(dict.fromkeys(models.values()))
    read = [(model, [each for plan in plans if plan.model is model for each in plan.data]) for model in loaded]
    use_one_runtime(read)
    for model, data in read:
        model.agree(data)
    if config.is_dry:
        raise StoppedAsAskedError("dry run: nothing was encoded but a sample, nothing sent and nothing written")
    return plans


def models_of(config: RunConfig) -> dict[str, Model]:
    """The model by each kind of task, the same one where prompts are the same."""
    models: dict[str, tuple[ModelConfig, Model]] = {}
    for kind in (settings.kind for settings in config.task.values()):
        model = for_task(config.model, kind) if isinstance(config.model, VectorModel) else config.model
        known = next((loaded for other, loaded in models.values() if other == model), None)
        models[kind] = model, known or load_model(config, model)
    return {kind: loaded for kind, (_, loaded) in models.items()}


def planned(model: Model, task: Task) -> Plan:
    corpora = task.corpora()
    refuse_same_names(corpora)
    data = model.split(corpora)
    task.check(model, data)
    return Plan(model, task, data)


def refuse_same_names(corpora: Sequence[Corpus]) -> None:
    """Raises UserError for two corpora of one name."""
    names = [corpus.name for corpus in corpora]
    if repeated := next((name for name in names if names.count(name) > 1), None):
        raise UserError(f"two corpora are called '{repeated}'.", "Name them: corpus.<key>.name=<another name>.")


def refuse_other_texts(plans: Sequence[tuple[str, Plan]]) -> None:
    """Raises UserError where two tasks mean different corpora by one name."""
    first: dict[str, tuple[str, str]] = {}
    for kind, plan in plans:
        for corpus in (each.corpus for each in plan.data):
            other, fingerprint = first.setdefault(corpus.name, (kind, corpus.fingerprint))
            if fingerprint != corpus.fingerprint:
                raise UserError(
                    f"corpus '{corpus.name}' is something else for task={kind} than for task={other}.",
                    "Give each task a run of its own: a report puts runs together.",
                )


def use_threads(threads: int | None) -> None:
    """FAISS gets as many OpenMP threads as the encoder: one per physical core unless set."""
    import faiss

    faiss.omp_set_num_threads(threads or psutil.cpu_count(logical=False) or 1)
