"""Which file makes which kind of reranker."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Protocol

from evalkit.config import RerankerConfig, RuntimeConfig
from evalkit.errors import UserError, did_you_mean
from evalkit.rerankers.cross_encoder import PairScores

KINDS = {"cross_encoder": "evalkit.rerankers.cross_encoder:CrossEncoder"}


class Reranker(Protocol):
    """Reads a query and a document together."""

    def identity(self) -> Mapping[str, Any]:
        """Everything but the texts that decides a score: plain JSON values. Loads nothing."""
        ...

    def timing_settings(self) -> Mapping[str, Any]:
        """What decides how quick it is and no score."""
        ...

    def score(self, query: str, documents: Sequence[str]) -> PairScores:
        """How well each of ``documents`` answers ``query``."""
        ...


def load_reranker(config: RerankerConfig, runtime: RuntimeConfig, where: str) -> Reranker:
    """The reranker of ``config``, which the command line calls ``where``. Raises UserError for an unknown kind."""
    if config.kind not in KINDS:
        raise UserError(f"{where}.kind={config.kind} is unknown.", did_you_mean(config.kind, KINDS))
    module, _, name = KINDS[config.kind].partition(":")
    reranker: Reranker = getattr(import_module(module), name)(config, runtime, where)
    return reranker
