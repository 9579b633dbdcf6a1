"""Static models: one vector per token, averaged. No transformer, so thousands of texts a second on one core."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import version
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.arrays import FloatMatrix, Rows
from evalkit.config import Model2VecModel, RuntimeConfig, WordLlamaModel
from evalkit.encoders.batches import TokenBudget, encode_in_batches
from evalkit.encoders.encoder import Advance, Encoded, Side
from evalkit.encoders.local.weights import GIVE_A_COPY, at_commit, folder_sha256, local_folder, weights_name
from evalkit.encoders.long_texts import PART_CHARACTERS, groups, tokens_by_part
from evalkit.encoders.stopwatch import Stopwatch
from evalkit.encoders.tokenizers import unlimited
from evalkit.encoders.width import check_width, table_width
from evalkit.errors import UserError, first_line, require
from evalkit.hub import STATIC_MODEL, Snapshot, snapshot

TOKEN_BUDGET = 32_768  # padded tokens of one batch
WORDLLAMA_TABLE = "weights/l2_supercat_256.safetensors"

StaticModel = Model2VecModel | WordLlamaModel


@dataclass(frozen=True)
class Engine:
    """A loaded model. ``embed`` gives texts × dims (float32), ``count`` the tokens of each text before any cut.

    ``rows`` gives the table's rows that stand for some ids (n × dims), fewer where a token counts for nothing.
    ``most_characters`` is where ``embed`` cuts a text before it reads tokens; null where it doesn't.
    """

    embed: Callable[[list[str]], FloatMatrix]
    count: Callable[[list[str]], list[int]]
    dims: int
    tokenizer: Any
    rows: Callable[[Rows], FloatMatrix] = lambda ids: np.empty((0, 0), dtype=np.float32)
    most_characters: int | None = None


class StaticEncoder:
    """``load_engine`` loads the model when it is first needed; what ``tell_weights`` gives is its identity's part."""

    def __init__(
        self,
        config: StaticModel,
        runtime: RuntimeConfig,
        package: str,
        tell_weights: Callable[[], str],
        load_engine: Callable[[], Engine],
    ) -> None:
        self.config = config
        self.runtime = runtime
        self.package = package
        self.tell_weights = tell_weights
        self.load_engine = load_engine
        self.budget = TokenBudget(TOKEN_BUDGET)

    @cached_property
    def weights(self) -> str:
        return self.tell_weights()

    @cached_property
    def engine(self) -> Engine:
        engine = self.load_engine()
        check_width(self.config, engine.dims)
        return engine

    @property
    def dims(self) -> int:
        return self.config.native_dims or self.engine.dims

    @property
    def max_length(self) -> int | None:
        """Null for WordLlama, which reads whole texts."""
        return self.config.max_length if isinstance(self.config, Model2VecModel) else None

    @cached_property
    def tokenizer(self) -> Any:
        return unlimited(self.engine.tokenizer)

    def identity(self, side: Side) -> Mapping[str, Any]:
        return {
            "kind": self.config.kind,
            "model": self.config.name,
            "revision": self.config.revision if isinstance(self.config, Model2VecModel) else None,
            "weights": self.weights,
            "side": side,
            "prompt": getattr(self.config.prompts, side),
            "max_length": self.max_length,
            "libraries": {self.package: version(self.package)},
        }

    def timing_settings(self) -> Mapping[str, Any]:
        """Nothing to set: their tokenizers take as many threads as they like."""
        return {"threads": None}

    def load(self) -> None:
        self.encode(["a first text"], "document")

    def encode(self, texts: Sequence[str], side: Side, advance: Advance = lambda n: None) -> Encoded:
        engine, prompt, most = self.engine, getattr(self.config.prompts, side), self.engine.most_characters
        read = [(prompt + text)[:most] for text in texts]
        is_cut = np.array([most is not None and bool((prompt + text)[most:].strip()) for text in texts], dtype=np.bool_)
        is_long = np.array([self.max_length is None and len(text) > PART_CHARACTERS for text in read], dtype=np.bool_)
        usual = np.flatnonzero(~is_long)
        vectors = np.empty((len(texts), self.dims), dtype=np.float32)
        tokens, clock = np.zeros(len(texts), dtype=np.int64), Stopwatch()
        for row in np.flatnonzero(is_long):
            with clock.running():
                vectors[row], tokens[row] = self.by_part(read[row])
            advance(1)
        tokens[usual] = list(chain.from_iterable(map(engine.count, groups(read[row] for row in usual))))

        def embed(batch: Rows) -> None:
            rows = usual[batch]
            with clock.running():
                vectors[rows] = engine.embed([read[row] for row in rows])
            advance(len(rows))

        encode_in_batches(tokens[usual].tolist(), self.budget, embed)
        limit = self.max_length or np.iinfo(np.int64).max
        return Encoded(vectors, np.minimum(tokens, limit), (tokens > limit) | is_cut, clock.seconds)

    def by_part(self, text: str) -> tuple[FloatMatrix, int]:
        """The mean of all tokens of a long ``text``, and how many they are; no more than a part's rows are held."""
        total, tokens = np.zeros(self.dims), 0
        for part in tokens_by_part(text, self.tokenizer):
            rows = self.engine.rows(part.ids)
            total += rows.sum(axis=0, dtype=np.float64)
            tokens += len(rows)
        return (total / max(tokens, 1)).astype(np.float32), tokens

    def describe(self) -> dict[str, Any]:
        return {"device": "cpu", "runtime": self.package, "precision": "float32", "max_length": self.max_length}


def model2vec(config: Model2VecModel, runtime: RuntimeConfig) -> StaticEncoder:
    """A model of Model2Vec: a folder, or from the hub at its pinned revision."""
    require("model2vec", "static", f"model={config.name}")
    folder = local_folder(config)
    if folder is None:
        config = at_commit(config)

    @cache
    def fetched() -> Snapshot:
        return snapshot(config.name, config.revision, STATIC_MODEL, GIVE_A_COPY)

    def tell_weights() -> str:
        return f"sha256:{folder_sha256(folder)}" if folder else weights_name(fetched(), None)

    def load_engine() -> Engine:
        from model2vec import StaticModel

        try:
            model = StaticModel.from_pretrained(folder or fetched().folder)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{config.name} can't be loaded by model2vec: {first_line(error)}") from None
        tokenizer, unknown = unlimited(model.tokenizer), model.unk_token_id

        def count(texts: list[str]) -> list[int]:
            every = (encoded.ids for encoded in tokenizer.encode_batch(texts, add_special_tokens=False))
            return [len(ids) - ids.count(unknown) for ids in every]

        def rows(ids: Rows) -> FloatMatrix:
            known = ids if unknown is None else ids[ids != unknown]
            table: FloatMatrix = model.embedding[known if model.token_mapping is None else model.token_mapping[known]]
            return table if model.weights is None else table * model.weights[known][:, None]

        options = {"max_length": config.max_length, "normalize": False, "use_multiprocessing": False}
        return Engine(
            embed=lambda texts: np.asarray(model.encode(texts, **options), dtype=np.float32),
            count=count,
            dims=int(model.dim),
            tokenizer=tokenizer,
            rows=rows,
            most_characters=config.max_length and config.max_length * model.median_token_length,
        )

    return StaticEncoder(config, runtime, "model2vec", tell_weights, load_engine)


def wordllama(config: WordLlamaModel, runtime: RuntimeConfig) -> StaticEncoder:
    """WordLlama with the 256 dimensions that its package ships: no hub."""
    require("wordllama", "static", f"model={config.name}")
    shipped = Path(str(find_spec("wordllama").origin)).parent  # type: ignore[union-attr]
    check_width(config, table_width(shipped / WORDLLAMA_TABLE))

    def load_engine() -> Engine:
        with root_logging_as_it_was():
            import wordllama as package

        model = package.WordLlama.load(cache_dir=shipped, disable_download=True)
        tokenizer = unlimited(model.tokenizer)  # which doesn't fill up the short ones either
        return Engine(
            embed=lambda texts: np.asarray(model.embed(texts, norm=False), dtype=np.float32),
            count=lambda texts: [len(encoded) for encoded in tokenizer.encode_batch(texts, add_special_tokens=False)],
            dims=int(model.embedding.shape[1]),
            tokenizer=tokenizer,
            rows=lambda ids: model.embedding[np.minimum(ids, len(model.embedding) - 1)],
        )

    return StaticEncoder(config, runtime, "wordllama", lambda: f"wordllama:{version('wordllama')}", load_engine)


@contextmanager
def root_logging_as_it_was() -> Iterator[None]:
    """WordLlama turns on the log of every library when it is imported."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    try:
        yield
    finally:
        root.setLevel(level)
        root.handlers[:] = handlers
