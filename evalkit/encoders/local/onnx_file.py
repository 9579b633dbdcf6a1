"""A transformer as an ONNX file, by ONNX Runtime and the tokenizer's own library: no PyTorch."""

import sys
from collections.abc import Mapping, Sequence, Set
from functools import cached_property
from importlib.metadata import version
from typing import Any

import numpy as np
import psutil

from evalkit.arrays import FloatMatrix, Rows
from evalkit.config import OnnxModel, RuntimeConfig
from evalkit.encoders.batches import TokenBudget, encode_in_batches
from evalkit.encoders.encoder import Advance, Encoded, Side
from evalkit.encoders.local.weights import file_of
from evalkit.encoders.long_texts import beginning, groups
from evalkit.encoders.stopwatch import Stopwatch
from evalkit.encoders.tokenizers import TOKENIZER_FILE, tokenizer_of
from evalkit.encoders.width import check_width
from evalkit.errors import UserError, did_you_mean, require
from evalkit.system.digests import digest_of_file

MODEL_FILE = "model.onnx"
TOKEN_BUDGET = 2_048
LIBRARIES = ("onnxruntime", "tokenizers")
WANTED = ("input_ids", "attention_mask", "token_type_ids")


def mean_of_tokens(tokens: FloatMatrix, mask: Rows) -> FloatMatrix:
    weights = mask[:, :, None].astype(np.float32)
    pooled: FloatMatrix = (tokens * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-9)
    return pooled


def first_token(tokens: FloatMatrix, mask: Rows) -> FloatMatrix:
    first: FloatMatrix = tokens[:, 0]
    return first


POOLING = {"mean": mean_of_tokens, "cls": first_token}


class OnnxFileEncoder:
    """``path`` or ``package`` says where model.onnx lies, ``tokenizer`` where tokenizer.json: folders or packages."""

    def __init__(self, config: OnnxModel, runtime: RuntimeConfig) -> None:
        self.config = config
        self.runtime = runtime
        self.token_budget = runtime.token_budget or TOKEN_BUDGET
        self.budget = TokenBudget(self.token_budget)
        self.threads = runtime.threads or psutil.cpu_count(logical=False) or 1
        for package in LIBRARIES:
            require(package, "onnx", f"model={config.name}")
        if config.pooling not in POOLING:
            raise UserError(f"model.pooling={config.pooling} is unknown.", did_you_mean(config.pooling, POOLING))
        self.model_file = file_of(config.path or config.package, MODEL_FILE, "model.path")
        self.tokenizer_file = file_of(config.tokenizer or config.path, TOKENIZER_FILE, "model.tokenizer")

    @cached_property
    def weights(self) -> str:
        return f"sha256:{digest_of_file(self.model_file)}+{digest_of_file(self.tokenizer_file)}"

    @property
    def dims(self) -> int:
        return self.config.native_dims or int(self.encode(["width"], "document").vectors.shape[1])

    @property
    def max_length(self) -> int | None:
        return self.config.max_length

    def identity(self, side: Side) -> Mapping[str, Any]:
        return {
            "kind": self.config.kind,
            "model": self.config.name,
            "revision": self.config.revision,
            "weights": self.weights,
            "side": side,
            "prompt": getattr(self.config.prompts, side),
            "pooling": self.config.pooling,
            "max_length": self.config.max_length,
            "libraries": {name: version(name) for name in LIBRARIES},
        }

    def timing_settings(self) -> Mapping[str, Any]:
        return {"threads": self.threads, "token_budget": self.token_budget}

    @cached_property
    def session(self) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        return onnxruntime.InferenceSession(str(self.model_file), options, providers=["CPUExecutionProvider"])

    @cached_property
    def tokenizer(self) -> Any:
        """Without a limit, so that texts that are cut can be counted; they are cut in ``encode``."""
        return tokenizer_of(self.tokenizer_file)

    def load(self) -> None:
        self.encode(["a first text"], "document")

    def encode(self, texts: Sequence[str], side: Side, advance: Advance = lambda n: None) -> Encoded:
        prompt = getattr(self.config.prompts, side)
        tokenizer, clock = self.tokenizer, Stopwatch()
        taken = {given.name for given in self.session.get_inputs()}
        with clock.running():
            read = [beginning(prompt + text, self.max_length, self.count) for text in texts]
            encodings = [encoding for group in groups(read) for encoding in tokenizer.encode_batch(group)]
        limit = self.max_length or sys.maxsize
        truncated = np.array([len(encoding) > limit for encoding in encodings], dtype=np.bool_)
        for encoding in encodings:
            encoding.truncate(min(limit, len(encoding)))
        tokens = np.array([len(encoding) for encoding in encodings], dtype=np.int64)
        vectors: dict[int, FloatMatrix] = {}

        def encode_batch(rows: Rows) -> None:
            with clock.running():
                made = self.run([encodings[row] for row in rows], taken)
            vectors.update(zip(rows.tolist(), made, strict=True))
            advance(len(rows))

        encode_in_batches(tokens.tolist(), self.budget, encode_batch)
        in_order = np.stack([vectors[row] for row in range(len(texts))])
        check_width(self.config, in_order.shape[1])
        return Encoded(in_order, tokens, truncated, clock.seconds)

    def count(self, text: str) -> int:
        return len(self.tokenizer.encode_batch([text])[0])

    def run(self, encodings: Sequence[Any], taken: Set[str]) -> FloatMatrix:
        """One batch through the session, which takes the inputs named ``taken``: texts × dims (float32)."""
        longest = max(len(encoding.ids) for encoding in encodings)
        columns = ("ids", "attention_mask", "type_ids")
        inputs = {
            name: np.array([[*getattr(e, column), *[0] * (longest - len(e.ids))] for e in encodings], dtype=np.int64)
            for name, column in zip(WANTED, columns, strict=True)
        }
        outputs = self.session.run(None, {name: values for name, values in inputs.items() if name in taken})[0]
        if outputs.ndim == 2:
            return np.asarray(outputs, dtype=np.float32)
        return POOLING[self.config.pooling](outputs.astype(np.float32), inputs["attention_mask"])

    def describe(self) -> dict[str, Any]:
        return {
            "device": "cpu",
            "runtime": "onnxruntime",
            "precision": None,
            "max_length": self.max_length,
            "threads": self.threads,
            "token_budget": self.budget.tokens,
        }
