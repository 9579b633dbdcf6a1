"""An encoder that any process can make: quick, without a library, and each text that it is given goes into a log."""

import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from evalkit.config import HostedModel, RuntimeConfig, VectorModel
from evalkit.corpora import Texts
from evalkit.embeddings.shards import Shards, missing_shards
from evalkit.encoders import Advance, Encoded, Side
from evalkit.errors import UserError

DIMS = 8
SHARD_TEXTS = 4
REFUSED, CRASHING, FAULTY = "a text that is refused", "a text that crashes", "a text that shows a defect"


class UnpicklableError(Exception):
    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} and {two}")


class LoggedEncoder:
    """Vectors from the bytes of a text. ``config.url`` is the log; a call takes ``runtime.timing_seconds`` at least."""

    def __init__(self, config: HostedModel, runtime: RuntimeConfig) -> None:
        self.config, self.runtime = config, runtime
        self.dims = DIMS

    @staticmethod
    def make(config: VectorModel, runtime: RuntimeConfig) -> "LoggedEncoder":
        assert isinstance(config, HostedModel)
        return LoggedEncoder(config, runtime)

    def identity(self, side: Side) -> dict[str, str]:
        return {"model": self.config.name, "side": side}

    def timing_settings(self) -> dict[str, int | None]:
        return {"threads": self.runtime.threads}

    def encode(self, texts: Sequence[str], side: Side, advance: Advance = lambda n: None) -> Encoded:
        log = os.open(self.config.url, os.O_APPEND | os.O_CREAT | os.O_WRONLY)
        os.write(log, "".join(f"{os.getpid()}\t{text}\n" for text in texts).encode())
        os.close(log)
        if REFUSED in texts:
            raise UserError(f"the text {REFUSED!r} is refused.", "Leave it out.")
        if CRASHING in texts:
            os._exit(9)
        if FAULTY in texts:
            raise UnpicklableError("this", "that")
        time.sleep(self.runtime.timing_seconds)
        rows = [np.random.default_rng(list(text.encode())).normal(size=DIMS) for text in texts]
        advance(len(texts))
        lengths = np.array([len(text) for text in texts])
        return Encoded(np.array(rows, dtype=np.float32), lengths, lengths > 7, 0.001 * len(texts))

    def describe(self) -> dict[str, str]:
        return {"device": "cpu"}


def logged(log: Path, seconds: float = 0.0) -> LoggedEncoder:
    """``seconds`` is what a call takes at least."""
    model = HostedModel(kind="logged", name="logged", url=str(log))
    return LoggedEncoder(model, RuntimeConfig(kind="torch", threads=2, timing_seconds=seconds))


def some_texts(count: int = 26, last: str = "") -> Texts:
    """The last one is ``last``, where that is given."""
    texts = [f"text {number}" for number in range(count)]
    return Texts([f"d{number}" for number in range(count)], [*texts[:-1], last] if last else texts)


def shards_of(texts: Texts) -> Shards:
    return missing_shards("document", texts, SHARD_TEXTS, ())


def times_encoded(log: Path) -> Counter[str]:
    """How often each text was."""
    lines = log.read_text().splitlines() if log.exists() else []
    return Counter(line.partition("\t")[2] for line in lines)


def processes_of(log: Path) -> set[int]:
    return {int(line.partition("\t")[0]) for line in log.read_text().splitlines()}
