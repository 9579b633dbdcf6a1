"""The schema of conf/stages/: what happens to a ranking behind the search."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class FusionConfig:
    """Reciprocal rank fusion with what a ``model`` without vectors ranks (see conf/model/bm25.yaml).

    ``constant`` is k of 1 / (k + rank).
    """

    kind: str = "fusion"
    model: Any = None
    constant: int = 60


@dataclass
class RerankerConfig:
    """A cross-encoder that reads a query and a document together and re-orders the first ``depth`` of a ranking.

    ``allow_pickle`` reads weights that are not safetensors, too.
    """

    kind: str = "cross_encoder"
    name: str = ""
    revision: str | None = None
    path: str | None = None
    depth: int = 50
    max_length: int | None = None
    trust_remote_code: bool = False
    allow_pickle: bool = False
    licence: str | None = None

    def __post_init__(self) -> None:
        if not self.name and self.path:
            self.name = Path(self.path).expanduser().resolve().name


StageConfig = FusionConfig | RerankerConfig
STAGE_KINDS: dict[str, type[FusionConfig] | type[RerankerConfig]] = {
    "fusion": FusionConfig,
    "cross_encoder": RerankerConfig,
}


@dataclass
class AnyStage:
    """Every key that a stage of some kind has, for composing; null is not set."""

    kind: str | None = None
    model: Any = None
    constant: int | None = None
    name: str | None = None
    revision: str | None = None
    path: str | None = None
    depth: int | None = None
    max_length: int | None = None
    trust_remote_code: bool | None = None
    allow_pickle: bool | None = None
    licence: str | None = None
