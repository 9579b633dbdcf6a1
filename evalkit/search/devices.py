"""Which devices of this machine can search."""

from evalkit.errors import UserError, did_you_mean, require
from evalkit.search.engine import CPU

CUDA, MPS = "cuda", "mps"


def check_device(device: str) -> None:
    """Raises UserError where ``device`` is not available on this machine."""
    if device == CPU:
        return
    kind = device.partition(":")[0]
    if kind not in (CUDA, MPS):
        raise UserError(
            f"search_device={device} is unknown.", did_you_mean(device.replace("gpu", CUDA), (CPU, CUDA, MPS))
        )
    require("torch", "local", f"search_device={device}")
    import torch

    available = {CUDA: torch.cuda.is_available(), MPS: torch.backends.mps.is_available()}
    if not available[kind]:
        raise UserError(f"search_device={device} is not available on this machine.", "Set search_device=cpu.")
