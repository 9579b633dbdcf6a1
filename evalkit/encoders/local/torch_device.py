"""Where PyTorch computes, and what it is asked to compute in."""

from pathlib import Path

from evalkit.errors import UserError
from evalkit.system.accelerators import KINDS, there_is

BF16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}  # of x86, and of ARM
DTYPES = {"float32": "float32", "bf16": "bfloat16", "fp16": "float16"}


def torch_device(name: str) -> str:
    """``name``, or the best device there is for ``auto``. Raises UserError for one that is not there."""
    there = [kind for kind in KINDS if there_is(kind)]
    if name == "auto":
        return there[0]
    if not there_is(name):
        raise UserError(f"runtime.device={name} is not available on this machine.", f"It has: {', '.join(there)}.")
    return name


def has_bf16(kind: str, device: str) -> bool:
    """Whether the hardware that the runtime ``kind`` computes on has bf16, and doesn't only imitate it."""
    if kind == "openvino":
        import openvino

        return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if kind == "torch" and torch_device(device).startswith("cuda"):
        import torch

        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return False
    return kind == "torch" and not BF16_FLAGS.isdisjoint(flags)
