"""Where PyTorch computes, and what it is asked to compute in."""

from evalkit.errors import UserError

DTYPES = {"float32": "float32", "bf16": "bfloat16", "fp16": "float16"}


def torch_device(name: str) -> str:
    """``name``, or the best device there is for ``auto``. Raises UserError for one that is not there."""
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return next(device for device, is_there in there.items() if is_there)
    if not there.get(name.partition(":")[0], False):
        devices = ", ".join(device for device, is_there in there.items() if is_there)
        raise UserError(f"runtime.device={name} is not available on this machine.", f"It has: {devices}.")
    return name
