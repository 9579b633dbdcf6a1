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
    """A model under one runtime: all that whoever encodes a text must have. Loading is put off until it is needed.

    What some models offer beyond it (a tokenizer, a reference, device memory …) is in encoders.capabilities.
    """

    @property
    def config(self) -> VectorModel: ...

    @property
    def dims(self) -> int:
        """Width of the vectors."""
        ...

    def identity(self, side: Side) -> Mapping[str, Any]:
        """Everything but the texts that decides the vectors of ``side``: plain JSON values. Loads nothing."""
        ...

    def encode(self, texts: Sequence[str], side: Side, advance: Advance = ...) -> Encoded:
        """One vector per text, in order. ``advance`` is told how many texts each finished batch held."""
        ...

    def describe(self) -> dict[str, Any]:
        """Facts about the loaded model for the record: its ``device``, parameters, actual length."""
        ...


def is_image(text: object) -> bool:
    """Whether it stands for an image, as a corpus of images has them in the place of texts."""
    return hasattr(text, "pixels")


def pixels_of(image: Any) -> Any:
    """The image itself, as Pillow's in RGB. Raises UserError where its file is damaged."""
    return image.pixels()
