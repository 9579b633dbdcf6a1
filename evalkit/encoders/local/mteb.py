"""Any model of mteb's registry, loaded and prompted as mteb does it."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil

from evalkit.config import MtebModel, RuntimeConfig
from evalkit.encoders.encoder import Advance, Encoded, Side
from evalkit.encoders.local.loading import code_revision, sound_loading
from evalkit.encoders.local.weights import warn_about_remote_code, weights_name
from evalkit.encoders.stopwatch import Stopwatch
from evalkit.encoders.tokenizers import beginnings, named_tokenizer, token_counts
from evalkit.encoders.width import check_width
from evalkit.errors import UserError, abridged, did_you_mean, first_line, require
from evalkit.hub import model_files, snapshot
from evalkit.hub.data_sets import offline_mode

BATCH_TEXTS = 32
MOST_OF_HINT = 300  # characters, of the hundreds of names that mteb knows
# The loaders of mteb that give a name to sentence-transformers.
WRAPPERS = {"SentenceTransformerEncoderWrapper", "sentence_transformers_loader"}
NO_HUB = "Or take another model: model=minilm brings its weights."
Counts = npt.NDArray[np.int64]
TASK_NAME, TASK_LIKE = "evalkit", "SciFact"  # prompts are those that a model has for retrieval at large


class MtebEncoder:
    """``model.name`` is the registry's; prompts of ``model.prompts`` come before what mteb puts before a text."""

    def __init__(self, config: MtebModel, runtime: RuntimeConfig) -> None:
        self.config = config
        self.runtime = runtime
        require("mteb", "mteb", f"model={config.name}")
        if isinstance(self.meta.embed_dim, int):
            check_width(config, self.meta.embed_dim)
        if self.meta.loader_kwargs.get("trust_remote_code") and not config.trust_remote_code:
            raise UserError(
                f"{config.name} runs code that its repository ships.",
                "Read that code, then allow it: model.trust_remote_code=true.",
            )

    @cached_property
    def meta(self) -> Any:
        """What the registry says of the model. Raises UserError for a name that it does not have."""
        import mteb

        try:
            return mteb.get_model_meta(self.config.name, revision=self.config.revision)
        except (KeyError, ValueError):
            names = [meta.name for meta in mteb.get_model_metas() if meta.name]
            raise UserError(
                f"mteb has no model '{self.config.name}'.",
                abridged(did_you_mean(self.config.name, names), MOST_OF_HINT),
            ) from None

    @property
    def revision(self) -> str | None:
        return self.config.revision or self.meta.revision

    @property
    def dims(self) -> int:
        known = self.config.native_dims or self.meta.embed_dim
        return known if isinstance(known, int) else int(self.encode(["width"], "document").vectors.shape[1])

    @property
    def max_length(self) -> int | None:
        """What is applied; the registry's word where no sentence-transformers model is inside. Loads the model."""
        length = self.inner.max_seq_length if self.inner is not None else self.meta.max_tokens
        return int(length) if length and length < math.inf else None

    @cached_property
    def tokenizer(self) -> Any:
        """``model.tokenizer``, else the one that the hub has under the model's name."""
        return named_tokenizer(self.config.tokenizer or self.config.name, self.config.name)

    def identity(self, side: Side) -> Mapping[str, Any]:
        return {
            "kind": self.config.kind,
            "model": self.config.name,
            "revision": self.revision,
            "weights": self.weights or f"mteb:{self.revision}",
            "side": side,
            "prompt": getattr(self.config.prompts, side),
            "max_length": self.config.max_length,
            "device": self.runtime.device,
            "libraries": {name: version(name) for name in ("mteb", "torch")},
        }

    @cached_property
    def weights(self) -> str | None:
        """What stands for a commit that mteb has sentence-transformers load, all of which is then in the hub's cache.

        Null for a model with a loader of its own.
        """
        loader = getattr(self.meta.loader, "func", self.meta.loader)
        if getattr(loader, "__name__", "") not in WRAPPERS:
            return None
        with_code = self.config.trust_remote_code
        fetched = snapshot(
            self.meta.name, self.revision, model_files("model", self.config.allow_pickle, with_code), NO_HUB
        )
        return weights_name(fetched, code_revision(fetched.folder, NO_HUB) if with_code else None)

    @property
    def threads(self) -> int:
        return self.runtime.threads or psutil.cpu_count(logical=False) or 1

    def timing_settings(self) -> Mapping[str, Any]:
        return {"threads": self.threads}

    @cached_property
    def model(self) -> Any:
        import mteb
        import torch

        torch.set_num_threads(self.threads)
        device = None if self.runtime.device == "auto" else self.runtime.device
        if self.config.trust_remote_code:
            warn_about_remote_code(self.config)
        options = {"revision": self.config.revision, "device": device}
        if self.weights:
            with offline_mode(True), sound_loading(self.config.name, "model"):
                model = mteb.get_model(self.config.name, **options)
        else:
            model = self.by_own_loader(options)
        limit_length(model, self.config)
        return model

    def by_own_loader(self, options: Mapping[str, Any]) -> Any:
        import mteb

        try:
            return mteb.get_model(self.config.name, **options)
        except (OSError, ImportError, ValueError) as error:
            raise UserError(
                f"mteb can't load {self.config.name}: {first_line(error)}",
                "It may need the model hub or a package of its own.",
            ) from None

    @cached_property
    def inner(self) -> Any:
        """The sentence-transformers model that mteb's wraps; null where it wraps none."""
        return inside(self.model)

    @cached_property
    def task(self) -> Any:
        """Metadata of a retrieval task that is none of mteb's own."""
        import mteb

        return mteb.get_task(TASK_LIKE).metadata.model_copy(update={"name": TASK_NAME, "prompt": None})

    def load(self) -> None:
        self.encode(["a first text"], "document")

    def encode(self, texts: Sequence[str], side: Side, advance: Advance = lambda n: None) -> Encoded:
        import torch
        from datasets import Dataset
        from mteb.types import PromptType
        from torch.utils.data import DataLoader

        if tokenizer := getattr(self.inner, "tokenizer", None):
            texts = beginnings(texts, tokenizer, self.max_length)
        prompted = [getattr(self.config.prompts, side) + text for text in texts]
        columns = {"text": prompted, **({"query": prompted} if side == "query" else {"title": [""] * len(texts)})}
        batches = DataLoader(Dataset.from_dict(columns), batch_size=BATCH_TEXTS)
        model, task, clock = self.model, self.task, Stopwatch()
        with read_texts(self.inner) as read, clock.running():
            output = model.encode(
                batches,
                task_metadata=task,
                hf_split="test",
                hf_subset="default",
                prompt_type=PromptType(side),
                show_progress_bar=False,
            )
            vectors = output.float().cpu().numpy() if isinstance(output, torch.Tensor) else output
        check_width(self.config, vectors.shape[1])
        advance(len(texts))
        tokens, truncated = self.counted(read, len(texts))
        return Encoded(np.asarray(vectors, dtype=np.float32), tokens, truncated, clock.seconds)

    def counted(self, read: Sequence[Any], texts: int) -> tuple[Counts | None, npt.NDArray[np.bool_] | None]:
        """Tokens that the model read of each of ``read`` and whether it was cut; null where it can't be known."""
        tokenizer = getattr(self.inner, "tokenizer", None)
        if tokenizer is None or len(read) != texts or not all(isinstance(text, str) for text in read):
            return None, None
        lengths = token_counts(tokenizer, read)
        limit = self.max_length or np.iinfo(np.int64).max
        return np.minimum(lengths, limit), lengths > limit

    def describe(self) -> dict[str, Any]:
        import torch

        on_cuda = torch.cuda.is_available() and self.runtime.device in ("auto", "cuda")
        return {
            "device": torch.cuda.get_device_name() if on_cuda else "cpu",
            "runtime": "mteb",
            "precision": None,
            "max_length": self.max_length,
            "threads": self.threads,
        }


def inside(model: Any) -> Any:
    """The SentenceTransformer that ``model`` of mteb wraps; null where it wraps none."""
    from sentence_transformers import SentenceTransformer

    wrapped = getattr(model, "model", None)
    return wrapped if isinstance(wrapped, SentenceTransformer) else None


def limit_length(model: Any, config: MtebModel) -> None:
    """Have ``model`` of mteb read ``config.max_length`` tokens. Raises UserError where nothing here can tell it to."""
    if config.max_length is None:
        return
    inner = inside(model)
    if inner is None:
        raise UserError(
            f"{config.name} has a reader of its own in mteb, whose length can't be set.",
            "Leave model.max_length=null: it reads what the registry says.",
        )
    inner.max_seq_length = config.max_length


@contextmanager
def read_texts(inner: Any) -> Iterator[list[Any]]:
    """What ``inner`` is given to read meanwhile, in order, with the prompts that mteb or the model put before it."""
    read: list[Any] = []
    if inner is None:
        yield read
        return
    encode = inner.encode

    def listening(*args: Any, **options: Any) -> Any:
        name = options.get("prompt_name") or inner.default_prompt_name
        prompt = options.get("prompt")
        before = (inner.prompts.get(name) if prompt is None and name else prompt) or ""
        sentences = args[0] if args else options.get("inputs", [])
        read.extend(before + each if isinstance(each, str) else each for each in sentences)
        return encode(*args, **options)

    inner.encode = listening
    try:
        yield read
    finally:
        del inner.encode
