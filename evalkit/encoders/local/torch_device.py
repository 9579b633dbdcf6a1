"""Where PyTorch computes, and what it is asked to compute in."""

from evalkit.errors import UserError

DTYPES = {"float32": "float32", "bf16": "bfloat16", "fp16": "float16"}


def torch_device(wanted: str) -> str:
    """``wanted``, or the best device there is for ``auto``. Raises UserError for one that is not there."""
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return next(name for name, is_there in there.items() if is_there)
    if not there.get(wanted.partition(":")[0], False):
        names = ", ".join(name for name, is_there in there.items() if is_there)
        raise UserError(f"runtime.device={wanted} is not to be had here.", f"This machine has: {names}.")
    return wanted
