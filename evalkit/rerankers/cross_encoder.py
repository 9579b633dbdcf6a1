"""Cross-encoders of sentence-transformers: one score for a query and a document that are read together."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import psutil

from evalkit.arrays import Rows
from evalkit.config import RerankerConfig, RuntimeConfig
from evalkit.encoders.batches import TokenBudget, encode_in_batches
from evalkit.encoders.local.loading import (
    code_revision,
    limit_length,
    quiet_transformers,
    refuse_invented,
    refuse_without_words,
    sound_loading,
)
from evalkit.encoders.local.sentence_transformers import LIBRARIES, TOKEN_BUDGETS
from evalkit.encoders.local.torch_device import DTYPES, torch_device
from evalkit.encoders.local.weights import folder_sha256, names_in, weights_name
from evalkit.encoders.long_texts import groups
from evalkit.encoders.tokenizers import beginnings, token_counts
from evalkit.errors import UserError, abridged, require
from evalkit.hub import commit_of, model_files, refuse_pickles, snapshot


class PairScores(NamedTuple):
    """One score per document (float32, higher is better), and whether the pair was cut to what the model reads.

    ``ms`` is what reading them took, in milliseconds.
    """

    scores: npt.NDArray[np.float32]
    truncated: npt.NDArray[np.bool_]
    ms: float


class CrossEncoder:
    """Runs under PyTorch whatever ``runtime.kind`` is, on its device and in its precision; ``auto`` is float32.

    Raises UserError where its files are neither in ``path`` nor on the hub.
    """

    def __init__(self, config: RerankerConfig, runtime: RuntimeConfig, where: str = "stages.local") -> None:
        self.config = config
        self.runtime = replace(runtime, precision="float32") if runtime.precision == "auto" else runtime
        self.where = where
        require("sentence_transformers", "local", f"reranker={config.name}")
        self.hint = f"Give a folder with its files: {where}.path=<folder>."
        if config.path is None:
            self.config = replace(config, revision=commit_of(config.name, config.revision, self.hint))
            need = model_files(where, config.allow_pickle, with_code=config.trust_remote_code)
            self.fetched = snapshot(config.name, self.config.revision, need, self.hint)
            self.folder = self.fetched.folder
            return
        self.folder = Path(config.path).expanduser()
        if not self.folder.is_dir():
            raise UserError(f"{where}.path={config.path} is no folder.", "Give a sentence-transformers folder.")
        if not config.allow_pickle:
            refuse_pickles(config.name, names_in(self.folder), where)

    @cached_property
    def code(self) -> tuple[str, str] | None:
        """The other repository whose code is run, and its commit; null where there is none, or none is allowed."""
        return code_revision(self.folder, self.hint) if self.config.trust_remote_code else None

    @cached_property
    def weights(self) -> str:
        if self.config.path is None:
            return weights_name(self.fetched, self.code)
        return f"sha256:{folder_sha256(self.folder)}" + (f" code:{'@'.join(self.code)}" if self.code else "")

    def identity(self) -> Mapping[str, Any]:
        """Everything but the texts that decides a score: plain JSON values. Loads nothing."""
        return {
            "reranker": self.config.name,
            "revision": self.config.revision,
            "weights": self.weights,
            "max_length": self.config.max_length,
            "device": self.runtime.device,
            "precision": self.runtime.precision,
            "libraries": {name: version(name) for name in LIBRARIES},
        }

    def timing_settings(self) -> Mapping[str, Any]:
        """What decides how quick it is and no score."""
        threads = self.runtime.threads or psutil.cpu_count(logical=False) or 1
        return {"threads": threads, "token_budget": self.runtime.token_budget}

    @cached_property
    def device(self) -> str:
        return torch_device(self.runtime.device)

    @cached_property
    def budget(self) -> TokenBudget:
        return TokenBudget(self.runtime.token_budget or TOKEN_BUDGETS[self.device.partition(":")[0]])

    @cached_property
    def model(self) -> Any:
        import sentence_transformers
        import torch

        torch.set_num_threads(self.runtime.threads or psutil.cpu_count(logical=False) or 1)
        config = self.config
        shared = {"code_revision": self.code[1]} if self.code else {}
        with sound_loading(config.name, self.where) as invented:
            model = sentence_transformers.CrossEncoder(
                str(self.folder),
                device=self.device,
                local_files_only=True,
                trust_remote_code=config.trust_remote_code,
                model_kwargs={"dtype": getattr(torch, DTYPES[self.runtime.precision]), **shared},
                config_kwargs=dict(shared),
                processor_kwargs=dict(shared),
            )
            refuse_without_words(config.name, model.tokenizer)
            limit_length(model, config.name, self.where, config.max_length, model.model)
            if invented:
                example = model.predict([("an example", "and another")], convert_to_tensor=True)
                refuse_invented(config.name, invented, example)
        if model.num_labels != 1:
            raise UserError(f"{config.name} gives {model.num_labels} scores for a pair; a reranker gives one.")
        return model

    def score(self, query: str, documents: Sequence[str]) -> PairScores:
        """How well each of ``documents`` answers ``query``: the model's raw output, so that none are equal at 1.

        Raises UserError for a score that is no number.
        """
        import torch

        pairs = [(query, document) for document in self.beginnings(query, documents)]
        lengths = pair_lengths(self.model.tokenizer, pairs)
        limit = int(self.model.max_seq_length or lengths.max())
        scores = np.empty(len(pairs), dtype=np.float32)

        def score_batch(rows: Rows) -> None:
            batch = [pairs[row] for row in rows]
            scores[rows] = self.model.predict(
                batch, batch_size=len(batch), show_progress_bar=False, activation_fn=torch.nn.Identity()
            )

        started = time.perf_counter()  # behind the counting, which a server would not do
        encode_in_batches(np.minimum(lengths, limit).tolist(), self.budget, score_batch)
        ms = (time.perf_counter() - started) * 1000
        if not np.isfinite(scores).all():
            raise UserError(
                f"{self.config.name} gave a score that is no number, for the query '{abridged(query, 60)}'.",
                "Is the precision too low for this model? Try runtime.precision=float32.",
            )
        return PairScores(scores, lengths > limit, ms)

    def beginnings(self, query: str, documents: Sequence[str]) -> list[str]:
        """``documents`` cut behind what the model sees; each stays longer than ``query`` where it was.

        Of a pair, the longer text is cut first, so which one that is must not change.
        """
        tokenizer, limit = self.model.tokenizer, self.model.max_seq_length
        of_both = None if limit is None else max(int(limit), int(token_counts(tokenizer, [query])[0]))
        return beginnings(documents, tokenizer, of_both)


def pair_lengths(tokenizer: Any, pairs: Sequence[tuple[str, str]]) -> npt.NDArray[np.int64]:
    """Tokens of each pair with special tokens, before any truncation (int64)."""
    lengths: list[int] = []
    with quiet_transformers():
        for group in groups([document for _, document in pairs]):
            queries = [query for query, _ in pairs[len(lengths) : len(lengths) + len(group)]]
            lengths += [len(ids) for ids in tokenizer(queries, group, truncation=False)["input_ids"]]
    return np.array(lengths, dtype=np.int64)
