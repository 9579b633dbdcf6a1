"""How wide a model's vectors are, and whether that is what its config says."""

import json
from pathlib import Path

from evalkit.config import VectorModel
from evalkit.errors import UserError


def check_width(config: VectorModel, dims: int) -> None:
    """Raises UserError where ``model.native_dims`` is set and is not the ``dims`` of the model's vectors."""
    if config.native_dims not in (None, dims):
        raise UserError(
            f"{config.name} gives {dims} dimensions, model.native_dims says {config.native_dims}.",
            f"Set model.native_dims={dims}.",
        )


def table_width(file: Path) -> int:
    """The last dimension of the one tensor in a safetensors ``file``, read from its header.

    The header is JSON behind eight bytes that hold its length (https://github.com/huggingface/safetensors, Format).
    """
    with file.open("rb") as opened:
        header = json.loads(opened.read(int.from_bytes(opened.read(8), "little")))
    (shape,) = (tensor["shape"] for name, tensor in header.items() if name != "__metadata__")
    return int(shape[-1])
