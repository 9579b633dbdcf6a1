"""What a worker makes its encoder from: plain config of the model and of the runtime, with a share of the threads."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import psutil

from evalkit.config import RuntimeConfig, VectorModel
from evalkit.embeddings.timing import Conditions
from evalkit.encoders import Encoder, load_encoder
from evalkit.encoders.capabilities import load, maker, peak_device_bytes, timing_settings
from evalkit.errors import UserError
from evalkit.system.digests import name_of_key


@dataclass(frozen=True)
class Recipe:
    """``make`` is a function of a module that a worker can import; the rest is plain data."""

    make: Callable[[VectorModel, RuntimeConfig], Encoder]
    model: VectorModel
    runtime: RuntimeConfig

    @classmethod
    def of(cls, encoder: Encoder, kind: str) -> "Recipe":
        """Raises UserError, which names the executor's ``kind``, for an encoder that can't be made a second time."""
        runtime = getattr(encoder, "runtime", None)
        if not isinstance(runtime, RuntimeConfig):
            raise UserError(
                f"{encoder.config.name} can't be made again in another process, as executor={kind} needs.",
                "Use executor=local.",
            )
        return cls(maker(encoder) or load_encoder, encoder.config, runtime)

    @property
    def threads(self) -> int:
        """Of the whole machine."""
        return self.runtime.threads or psutil.cpu_count(logical=False) or 1

    def with_threads(self, threads: int) -> "Recipe":
        return replace(self, runtime=replace(self.runtime, threads=max(1, threads)))

    def encoder(self) -> Encoder:
        """The encoder, loaded in this process."""
        encoder = self.make(self.model, self.runtime)
        load(encoder)
        peak_device_bytes(encoder)  # from here on
        return encoder


def timing_beside_others(encoder: Encoder) -> str:
    """The key of the conditions that seconds of a worker belong to: nobody's speed who has the machine for himself."""
    return name_of_key(["beside other workers", Conditions.of(timing_settings(encoder)).key])
