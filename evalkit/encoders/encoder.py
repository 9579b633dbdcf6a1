"""What every kind of model offers: texts of one side in, float32 vectors out, and who it is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from evalkit.arrays import FloatMatrix
from evalkit.config import VectorModel

Side = Literal["query", "document"]
Advance = Callable[[int], None]


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
    def config(self) -> VectorModel: ...

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


def is_image(text: object) -> bool:
    """Whether it stands for an image, as a corpus of images has them in the place of texts."""
    return hasattr(text, "pixels")


def pixels_of(image: Any) -> Any:
    """The image itself, as Pillow's in RGB. Raises UserError where its file is damaged."""
    return image.pixels()
