"""What an encoder may offer beyond the protocol, each asked through one function that knows what "not offered" means.

A new kind of model writes the methods that it has something to say to, and no stubs for the others.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from evalkit.config import RuntimeConfig, VectorModel
from evalkit.encoders.encoder import Encoder, Side
from evalkit.errors import UserError


class HasTokenizer(Protocol):
    @property
    def tokenizer(self) -> Any:
        """The model's own ``tokenizers.Tokenizer``, which neither cuts nor pads. Raises UserError where it has none."""
        ...


class HasMaxLength(Protocol):
    @property
    def max_length(self) -> int | None:
        """Tokens that are read of a text; null where there is no limit. May load the model."""
        ...


class Loads(Protocol):
    def load(self) -> None:
        """Load the model now, so that no measurement pays for it. May be called again."""
        ...


class HasTimingSettings(Protocol):
    def timing_settings(self) -> Mapping[str, Any]:
        """What decides how quick it is and no vector: threads, how large a batch is. Plain JSON values; loads nothing.

        Null leaves the choice to the library or the device.
        """
        ...


class HasSingleCalls(Protocol):
    def single_call_seconds(self, text: str, side: Side) -> float:
        """What a server takes for ``text`` that gives one query all its threads, where ``encode`` gives it fewer."""
        ...


class HasReference(Protocol):
    def verify(self, texts: Sequence[str], side: Side) -> dict[str, Any] | None:
        """How far vectors of ``texts`` are from the reference's; null where it is the reference itself."""
        ...


class HasMaker(Protocol):
    def make(self, model: VectorModel, runtime: RuntimeConfig) -> Encoder:
        """Another one of these; a function that other processes can import."""
        ...


class GivesVectors(Protocol):
    def vectors_of(self, side: Side, ids: Sequence[str], left_out: int) -> npt.NDArray[np.floating]:
        """The vector of each of ``ids``, made before. Raises UserError where one has none."""
        ...


class HasDeviceMemory(Protocol):
    def peak_device_bytes(self) -> int | None:
        """Peak memory of the accelerator since the last call; null without one."""
        ...


@dataclass(frozen=True)
class ToSend:
    """How many ``texts`` would be sent, and ``tokens`` about and ``most_tokens`` at most that they have."""

    texts: int = 0
    tokens: int = 0
    most_tokens: int = 0

    def __add__(self, other: "ToSend") -> "ToSend":
        return ToSend(self.texts + other.texts, self.tokens + other.tokens, self.most_tokens + other.most_tokens)


@dataclass(frozen=True)
class Sent:
    """What was sent and answered: ``texts``, and the ``tokens`` counted by whoever read them; null where not told."""

    texts: int
    tokens: int | None


class BehindApi(Protocol):
    """A model that every text is sent to: somebody else counts the tokens, and may change the model."""

    @property
    def is_billed(self) -> bool:
        """Whether somebody sends a bill for it."""
        ...

    @property
    def checks_canary(self) -> bool:
        """Whether some texts whose vectors are stored are to be sent again."""
        ...

    def may_be_cut(self, texts: Sequence[str], side: Side) -> npt.NDArray[np.bool_] | None:
        """Which texts may be longer than is read (bool); null where nobody can tell."""
        ...

    def check_texts(self, texts: Sequence[str]) -> None:
        """Raises RefusedTextsError for those that are never sent."""
        ...

    def to_send(self, texts: Iterable[str], side: Side) -> ToSend:
        """What encoding ``texts`` sends, prompts included."""
        ...

    def to_send_first(self, loads: bool) -> ToSend:
        """What is sent to learn the width where that is not known, and by ``load`` where that is called."""
        ...

    def verified_texts(self, texts: Sequence[str]) -> Iterable[str]:
        """Those of ``texts`` that ``verify`` sends, each as often as it does."""
        ...

    def take_sent(self) -> Sent:
        """What was sent and answered since the last call."""
        ...

    def keep_bill(self, earlier_tokens: int, keep: Callable[[int], None]) -> None:
        """Count ``earlier_tokens`` of runs before, and tell ``keep`` all of this run that may be billed, in advance."""
        ...


def offers(encoder: Encoder, name: str) -> bool:
    """Whether it has ``name``: its class is asked, since a property of the encoder itself may load the model."""
    return hasattr(type(encoder), name) or name in vars(encoder)


def tokenizer_of(encoder: Encoder) -> Any:
    """The tokenizer that documents are split by. Raises UserError where the model has none."""
    if offers(encoder, "tokenizer"):
        return cast("HasTokenizer", encoder).tokenizer
    raise UserError(f"{encoder.config.name} has no tokenizer that documents could be split by.", "Leave out chunking.")


def max_length(encoder: Encoder) -> int | None:
    """Tokens that are read of a text; null where there is no limit. May load the model."""
    return cast("HasMaxLength", encoder).max_length if offers(encoder, "max_length") else None


def load(encoder: Encoder) -> None:
    """Load the model now, so that no measurement pays for it; nothing for one that is always ready."""
    if offers(encoder, "load"):
        cast("Loads", encoder).load()


def timing_settings(encoder: Encoder) -> Mapping[str, Any]:
    """What decides how quick it is and no vector; empty where there is nothing to set."""
    return cast("HasTimingSettings", encoder).timing_settings() if offers(encoder, "timing_settings") else {}


def maker(encoder: Encoder) -> Callable[[VectorModel, RuntimeConfig], Encoder] | None:
    """What makes another such encoder, where that is not the registry."""
    return cast("HasMaker", encoder).make if offers(encoder, "make") else None


def single_call_seconds(encoder: Encoder, text: str, side: Side) -> float:
    """What a server takes for one text that has all its threads."""
    if offers(encoder, "single_call_seconds"):
        return cast("HasSingleCalls", encoder).single_call_seconds(text, side)
    return encoder.encode([text], side).seconds


def verification(encoder: Encoder, texts: Sequence[str], side: Side) -> dict[str, Any] | None:
    """How far vectors of ``texts`` are from the reference's; null where there is nothing to compare with."""
    return cast("HasReference", encoder).verify(texts, side) if offers(encoder, "verify") else None


def peak_device_bytes(encoder: Encoder) -> int | None:
    """Peak memory of the accelerator since the last call; null without one."""
    return cast("HasDeviceMemory", encoder).peak_device_bytes() if offers(encoder, "peak_device_bytes") else None


def reads_images(encoder: Encoder) -> bool:
    """Whether ``encode`` takes an ``Image`` in the place of a text; may load the model."""
    return bool(getattr(encoder, "reads_images", False))


def gives_vectors(encoder: Encoder) -> GivesVectors | None:
    """The encoder as one that has the vectors of its corpus already; null for a model that reads texts."""
    return cast("GivesVectors", encoder) if offers(encoder, "vectors_of") else None


def behind_api(encoder: Encoder) -> BehindApi | None:
    """The encoder as one that every text is sent to; null for a model on this machine."""
    return cast("BehindApi", encoder) if offers(encoder, "take_sent") else None
