"""Anything that sentence-transformers loads: from the hub at a pinned revision, a folder or an installed package."""

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.arrays import FloatMatrix, Rows
from evalkit.config import RuntimeConfig, SentenceTransformersModel
from evalkit.encoders.batches import TokenBudget, encode_in_batches
from evalkit.encoders.encoder import Advance, Encoded, Side, is_image, pixels_of
from evalkit.encoders.local.features import Reading
from evalkit.encoders.local.loading import (
    check_installed,
    code_revision,
    quiet_transformers,
    sentence_transformer,
    token_embeddings_to_float32,
)
from evalkit.encoders.local.runtimes import INPUTS, LEAST_COSINE, Converted, TokenEmbeddings, find_runtime
from evalkit.encoders.local.streams import Streams, may_run_side_by_side, streams_of, threads_of, torch_threads
from evalkit.encoders.local.torch_device import DTYPES, torch_device
from evalkit.encoders.local.weights import (
    GIVE_A_COPY,
    at_commit,
    check_weights,
    folder_sha256,
    local_folder,
    names_in,
    weights_name,
)
from evalkit.encoders.stopwatch import Stopwatch
from evalkit.encoders.tokenizers import (
    HINT,
    TOKENIZER_FILE,
    beginnings,
    named_tokenizer,
    tokenizer_of,
    unlimited,
)
from evalkit.encoders.width import check_width
from evalkit.errors import UserError, say
from evalkit.hub import Snapshot, model_files, refuse_pickles, snapshot

TOKEN_BUDGETS = {"cpu": 2_048, "mps": 16_384, "cuda": 65_536}
IMAGE_TOKENS = 64  # about what a small vision transformer makes of one, for the size of batches
USE_TORCH = "Use runtime=torch."
LIBRARIES = ("sentence-transformers", "tokenizers", "torch", "transformers")
RUNTIME_LIBRARIES: dict[str, tuple[str, ...]] = {"torch": (), "openvino": ("openvino",), "onnx": ("onnxruntime",)}
REFERENCE = RuntimeConfig(kind="torch", device="cpu", precision="float32")


class SentenceTransformersEncoder:
    """A SentenceTransformer, its transformer under any of the runtimes, fed by token budget."""

    def __init__(self, config: SentenceTransformersModel, runtime: RuntimeConfig) -> None:
        self.config = config
        self.runtime = runtime
        check_installed(config)
        self.convert = find_runtime(runtime).convert
        self.local_folder = local_folder(config)
        if self.local_folder is None:
            self.config = at_commit(config)
            return
        check_weights(config, self.local_folder)
        if not config.allow_pickle:
            refuse_pickles(config.name, names_in(self.local_folder), "model")

    def identity(self, side: Side) -> Mapping[str, Any]:
        config, runtime = self.config, self.runtime
        return {
            "kind": config.kind,
            "model": config.name,
            "revision": config.revision,
            "weights": self.weights,
            "side": side,
            "prompt": getattr(config.prompts, side),
            "max_length": config.max_length,
            "layer_norm": config.layer_norm,
            "runtime": runtime.kind,
            "precision": runtime.precision,
            "device": runtime.device,
            "compile": runtime.compile,
            "threads_per_stream": runtime.threads_per_stream or 1,
            "libraries": libraries_of(runtime.kind),
        }

    def timing_settings(self) -> Mapping[str, Any]:
        of_streams = {"threads_per_stream": self.runtime.threads_per_stream}
        return {"threads": self.threads, **of_streams, "token_budget": self.runtime.token_budget}

    @cached_property
    def fetched(self) -> Snapshot:
        """The model's commit, whole, in the hub's cache: fetched where it is not there yet."""
        config = self.config
        need = model_files("model", config.allow_pickle, with_code=config.trust_remote_code)
        return snapshot(config.name, config.revision, need, GIVE_A_COPY)

    @cached_property
    def folder(self) -> Path:
        return self.local_folder or self.fetched.folder

    @cached_property
    def code(self) -> tuple[str, str] | None:
        """The other repository whose code is run, and its commit; null where there is none, or none is allowed."""
        return code_revision(self.folder, GIVE_A_COPY) if self.config.trust_remote_code else None

    @cached_property
    def weights(self) -> str:
        """What stands for the weights in the identity: digests of all files that are read, and the hub's commit."""
        if self.local_folder is None:
            return weights_name(self.fetched, self.code)
        return f"sha256:{folder_sha256(self.local_folder)}" + (f" code:{'@'.join(self.code)}" if self.code else "")

    @property
    def dims(self) -> int:
        if self.config.native_dims is not None:
            return self.config.native_dims
        return int(self.model.get_embedding_dimension())

    @property
    def max_length(self) -> int | None:
        if self.config.max_length is not None:
            return self.config.max_length
        length = self.model.max_seq_length
        return int(length) if length is not None and length < math.inf else None

    @cached_property
    def tokenizer(self) -> Any:
        """From its own file where that lies in a folder, which needs no PyTorch; else the loaded model's."""
        if self.config.tokenizer:
            return named_tokenizer(self.config.tokenizer, self.config.name)
        if (self.folder / TOKENIZER_FILE).is_file():
            return tokenizer_of(self.folder / TOKENIZER_FILE)
        found = getattr(self.model.tokenizer, "backend_tokenizer", self.model.tokenizer)
        if not hasattr(found, "encode_batch"):
            raise UserError(f"{self.config.name} has a tokenizer that can't tell where its tokens lie.", HINT)
        return unlimited(found)

    @cached_property
    def device(self) -> str:
        """``runtime.device``, or the best there is for ``auto``."""
        return torch_device(self.runtime.device if self.convert is None else "cpu")

    @cached_property
    def model(self) -> Any:
        """The loaded SentenceTransformer, its transformer in ``runtime.precision`` and all later modules in float32."""
        import torch

        torch.set_num_threads(self.threads)
        dtype = DTYPES[self.runtime.precision] if self.convert is None else "float32"
        model = sentence_transformer(self.config, self.folder, self.device, dtype, self.code)
        for module in list(model)[1:]:
            module.float()
        model[0].register_forward_hook(token_embeddings_to_float32)
        if self.runtime.compile:
            model[0].model = torch.compile(model[0].model, dynamic=True)
        return model.eval()

    def share_weights(self, other: "SentenceTransformersEncoder") -> None:
        """Take the loaded model of ``other``, PyTorch's in float32 on the CPU, where it is this one's too."""
        own = "float32" if self.convert else self.runtime.precision
        if (own, self.device, self.runtime.compile) == ("float32", "cpu", False):
            self.model = other.model

    @property
    def parameters(self) -> int:
        return sum(p.numel() for p in self.model.parameters())

    @property
    def reads_images(self) -> bool:
        return "image" in self.model.modalities

    @cached_property
    def threads(self) -> int:
        return threads_of(self.runtime)

    @cached_property
    def streams(self) -> Streams:
        """Those of the CPU; one of all threads for a device, and for PyTorch where calls side by side are not safe."""
        is_safe = self.convert is not None or may_run_side_by_side(self.config, self.runtime, self.model)
        if self.device != "cpu" or not is_safe:
            return Streams(1, self.threads, self.threads)
        return streams_of(self.runtime)

    @cached_property
    def budget(self) -> TokenBudget:
        return TokenBudget(self.runtime.token_budget or TOKEN_BUDGETS[self.device.partition(":")[0]])

    @cached_property
    def converted(self) -> Converted | None:
        """The first module under another runtime; null leaves it to PyTorch."""
        if self.convert is None:
            return None
        if self.reads_images:
            raise UserError(f"{self.config.name} reads images, which runtime={self.runtime.kind} does not.", USE_TORCH)
        features = self.model.preprocess(["an example", "and another of another length"])
        example = {name: features[name] for name in INPUTS if name in features}
        with quiet_transformers():
            return self.convert(self.model[0].model, example, self.runtime.precision, self.streams)

    @cached_property
    def alone(self) -> TokenEmbeddings | None:
        """The converted first module for one call at a time; made when single calls are timed."""
        return self.converted.alone() if self.converted else None

    def load(self) -> None:
        self.encode(["a first text", "and a second, so that lazy parts are built"], "document")

    def encode(self, texts: Sequence[str], side: Side, advance: Advance = lambda n: None) -> Encoded:
        in_streams = self.converted.in_streams if self.converted else None
        with torch_threads(self.streams.threads):
            return self.encoded(texts, side, in_streams, self.streams.count, advance)

    def single_call_seconds(self, text: str, side: Side) -> float:
        """What one text takes that all threads compute; its vector's last bits may differ from ``encode``'s."""
        with torch_threads(self.streams.all_threads):
            return self.encoded([text], side, self.alone, 1).seconds

    def encoded(
        self,
        texts: Sequence[str],
        side: Side,
        converted: TokenEmbeddings | None,
        streams: int,
        advance: Advance = lambda n: None,
    ) -> Encoded:
        """``encode``, by so many ``streams`` of the ``converted`` first module; null is PyTorch's own."""
        clock, vectors = Stopwatch(), np.empty((len(texts), self.dims), dtype=np.float32)
        images = np.array([is_image(text) for text in texts], dtype=np.bool_)
        of_images, of_texts = np.flatnonzero(images), np.flatnonzero(~images)

        def encode_images(batch: Rows) -> None:
            rows = of_images[batch]
            with clock.running():
                features = self.model.preprocess([pixels_of(texts[row]) for row in rows.tolist()], prompt=None)
                vectors[rows] = self.forward(features, None)

        prompt = getattr(self.config.prompts, side)
        read = beginnings([texts[row] for row in of_texts.tolist()], self.model.tokenizer, self.max_length)
        reading = Reading(self.model, read, prompt, self.max_length, clock)

        def encode_texts(batch: Rows) -> None:
            with clock.running():
                vectors[of_texts[batch]] = self.forward(reading.features(batch), converted)

        encode_in_batches([IMAGE_TOKENS] * len(of_images), self.budget, encode_images, advance=advance)
        encode_in_batches(reading.tokens, self.budget, encode_texts, streams, reading.windows(), advance)
        truncated = np.zeros(len(texts), dtype=np.bool_)
        truncated[of_texts] = reading.truncated
        return Encoded(vectors, None if images.any() else reading.tokens, truncated, clock.seconds)

    def forward(self, features: Mapping[str, Any], converted: TokenEmbeddings | None) -> FloatMatrix:
        """One batch through the model (n × dims, float32), copied from the device when it is done."""
        import torch

        with torch.inference_mode():
            features = {k: v.to(self.device) if hasattr(v, "to") else v for k, v in features.items()}
            if converted:
                features = {**features, "token_embeddings": converted(features)}
            for module in list(self.model)[1 if converted else 0 :]:
                features = module(features)
            output = features["sentence_embedding"].float()
            if self.config.layer_norm:
                output = torch.nn.functional.layer_norm(output, normalized_shape=(output.shape[1],))
        vectors: FloatMatrix = output.cpu().numpy()
        check_width(self.config, vectors.shape[1])
        return vectors

    def verify(self, texts: Sequence[str], side: Side) -> dict[str, Any] | None:
        """The smallest cosine of ``texts``' vectors to PyTorch's in float32 on the CPU; null where it is just that.

        Warns on stderr where it is below 0.999.
        """
        if (self.runtime.kind, self.runtime.precision, self.device) == ("torch", "float32", "cpu"):
            return None
        reference = SentenceTransformersEncoder(self.config, REFERENCE)
        expected, found = (encoder.encode(texts, side).vectors for encoder in (reference, self))
        norms = np.linalg.norm(expected, axis=1) * np.linalg.norm(found, axis=1)
        smallest = float(((expected * found).sum(axis=1) / norms).min())
        if not smallest >= LEAST_COSINE:
            say(
                f"evalkit: warning: {self.config.name} under runtime={self.runtime.kind} in {self.runtime.precision} "
                f"differs from PyTorch in float32: smallest cosine {smallest:.5f} of {len(texts)} texts"
            )
        return {"reference": "torch float32 cpu", "texts": len(texts), "smallest_cosine": smallest}

    def peak_device_bytes(self) -> int | None:
        import torch

        if not self.device.startswith("cuda"):
            return None
        peak = torch.cuda.max_memory_allocated(self.device)
        torch.cuda.reset_peak_memory_stats(self.device)
        return int(peak)

    def describe(self) -> dict[str, Any]:
        import torch

        return {
            "device": torch.cuda.get_device_name(self.device) if self.device.startswith("cuda") else self.device,
            "parameters": self.parameters,
            "max_length": self.max_length,
            "threads": self.threads,
            "streams": self.streams.count,
            "runtime": self.runtime.kind,
            "token_budget": self.budget.tokens,
            "precision": self.runtime.precision,
        }


def libraries_of(kind: str) -> dict[str, str]:
    """The versions of what reads and computes texts under the runtime ``kind``."""
    return {name: version(name) for name in (*LIBRARIES, *RUNTIME_LIBRARIES[kind])}
