"""The schema of conf/model/: what reads text, and what its own documentation says of it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import MISSING


@dataclass
class Prompts:
    """The exact text put before every text of one side; empty means none."""

    query: str = ""
    document: str = ""


@dataclass
class ApiConfig:
    """How a model behind an HTTP API is called, and how far a bill may go. Null means no limit.

    ``native_dims`` asks the API for vectors of the model's ``native_dims`` instead of its full width; ``compare_dims``
    lists widths at which the API's own cut is compared with the local one. ``check_canary`` sends a few hundred texts
    whose vectors are in the store again, to see whether the API still gives the same.
    """

    key_variable: str | None = None
    input_types: Prompts = field(default_factory=Prompts)
    native_dims: bool = False
    compare_dims: list[int] = field(default_factory=list)
    batch_texts: int = 64
    batch_tokens: int | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    parallel: int = 4
    timeout_seconds: float = 60.0
    attempts: int = 6
    first_wait_seconds: float = 1.0
    longest_wait_seconds: float = 60.0
    max_usd: float | None = None
    usd_per_million_tokens: float | None = None
    dry_run: bool = False
    check_canary: bool = True


@dataclass
class ModelConfig:
    """A model: where it comes from and what its own documentation says of it. See conf/model/."""

    kind: str = MISSING
    name: str = ""
    revision: str | None = None
    path: str | None = None
    url: str | None = None
    package: str | None = None
    tokenizer: str | None = None
    pooling: str = "mean"
    weights_sha256: str | None = None
    prompts: Prompts = field(default_factory=Prompts)
    api: ApiConfig = field(default_factory=ApiConfig)
    max_length: int | None = None
    native_dims: int | None = None
    matryoshka_dims: list[int] = field(default_factory=list)
    layer_norm: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    trust_remote_code: bool = False
    licence: str | None = None

    def __post_init__(self) -> None:
        if not self.name and self.path:
            self.name = Path(self.path).expanduser().resolve().name
