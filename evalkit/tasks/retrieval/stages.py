"""What happens to a ranking behind the search: stages in a list, each of which doubles the points."""

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, Protocol

from evalkit.config import RunConfig, StageConfig
from evalkit.config.checks.run import stages_of
from evalkit.corpora import Corpus
from evalkit.embeddings.passes import Progress
from evalkit.results.record import PointRecord
from evalkit.tasks.retrieval.measuring import measure
from evalkit.tasks.retrieval.retriever import PointContext, Retriever

KINDS = {
    "fusion": "evalkit.tasks.retrieval.fusion:Fusion",
    "cross_encoder": "evalkit.tasks.retrieval.reranking:Reranking",
}


class Stage(Protocol):
    """``label`` is what results call it, ``depth`` how many results of a ranking it reads."""

    label: str
    depth: int

    def check(self, model: str, corpora: Sequence[Corpus]) -> None:
        """Raises UserError where it can't come behind ``model`` on one of ``corpora``."""
        ...

    def description(self) -> dict[str, Any]:
        """What it is, for the record."""
        ...

    def apply(self, context: PointContext, record: PointRecord) -> PointRecord:
        """The point with this stage behind it."""
        ...


def load_stages(config: RunConfig, progress: Progress) -> list[Stage]:
    """The stages of ``config`` in order. Raises UserError for one that can't be."""
    return [load_stage(name, stage, config, progress) for name, stage in stages_of(config).items()]


def load_stage(name: str, stage: StageConfig, config: RunConfig, progress: Progress) -> Stage:
    module, _, kind = KINDS[stage.kind].partition(":")
    loaded: Stage = getattr(import_module(module), kind)(name, stage, config, progress)
    return loaded


def with_stages(context: PointContext, retriever: Retriever, stages: Sequence[Stage]) -> Iterator[PointRecord]:
    """What a user is served, and the same behind every choice of ``stages``, in order: each stage doubles the points.

    The search in front of a first stage asks for as many results as that stage reads.
    """
    yield measure(context, retriever, context.config.served)
    searches: dict[int, PointRecord] = {}
    chains: dict[tuple[int, ...], PointRecord] = {}
    for position, stage in enumerate(stages):
        for before in [(), *chains]:
            if not before and stage.depth not in searches:
                searches[stage.depth] = measure(context, retriever, stage.depth)
            record = stage.apply(context, chains[before] if before else searches[stage.depth])
            chains[*before, position] = record
            yield record
