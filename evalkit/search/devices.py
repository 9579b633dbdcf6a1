"""Which devices of this machine can search."""

from evalkit.errors import UserError, require
from evalkit.search.engine import CPU


def check_device(device: str) -> None:
    """Raises UserError where ``device`` is not available on this machine."""
    if device == CPU:
        return
    require("torch", "local", f"search_device={device}")
    import torch

    kind = device.partition(":")[0]
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available.get(kind, False):
        raise UserError(f"search_device={device} is not available on this machine.", "Set search_device=cpu.")
