"""Where PyTorch computes, and what it is asked to compute in."""

from evalkit.errors import UserError
from evalkit.system.accelerators import KINDS, there_is

DTYPES = {"float32": "float32", "bf16": "bfloat16", "fp16": "float16"}


def torch_device(name: str) -> str:
    """``name``, or the best device there is for ``auto``. Raises UserError for one that is not there."""
    there = [kind for kind in KINDS if there_is(kind)]
    if name == "auto":
        return there[0]
    if not there_is(name):
        raise UserError(f"runtime.device={name} is not available on this machine.", f"It has: {', '.join(there)}.")
    return name
