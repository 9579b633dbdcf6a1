"""Which devices of this machine can search."""

import re

from evalkit.errors import UserError, did_you_mean, require
from evalkit.search.engine import CPU
from evalkit.system.accelerators import there_is

CUDA, MPS = "cuda", "mps"


def check_device(device: str) -> None:
    """Raises UserError where ``device`` is not available on this machine."""
    if device == CPU:
        return
    if not re.fullmatch(rf"{MPS}|{CUDA}(:\d+)?", device):
        raise UserError(
            f"search_device={device} is unknown.", did_you_mean(device.replace("gpu", CUDA), (CPU, CUDA, MPS))
        )
    require("torch", "local", f"search_device={device}")
    if not there_is(device):
        raise UserError(f"search_device={device} is not available on this machine.", "Set search_device=cpu.")
