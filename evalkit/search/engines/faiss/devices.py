"""Search on an accelerator: FAISS's GPU indexes where it has them, exact search through PyTorch elsewhere."""

from typing import Any

from evalkit.errors import UserError
from evalkit.search.engine import CPU
from evalkit.search.engines.faiss.exact import TorchFlatIndex
from evalkit.search.engines.faiss.indexes import FloatIndex
from evalkit.search.engines.vector_index import VectorIndex


def faiss_has_gpus() -> bool:
    import faiss

    return hasattr(faiss, "StandardGpuResources") and faiss.get_num_gpus() > 0


def exact_on_device(device: str) -> TorchFlatIndex | None:
    """What holds flat float32 vectors on ``device``; null where FAISS does."""
    return None if device == CPU or faiss_has_gpus() else TorchFlatIndex(device)


def check_moves(is_exact: bool, device: str) -> None:
    """Raises UserError where FAISS can't search on ``device`` what is not ``is_exact``, flat float32."""
    if device != CPU and not is_exact and not faiss_has_gpus():
        raise UserError(
            f"this setting can't be searched on {device}: only flat float32 can without FAISS's GPU support.",
            "Set search_device=cpu, or install faiss-gpu.",
        )


def moved(index: VectorIndex, device: str) -> VectorIndex:
    """The built ``index`` on ``device``. Raises UserError where FAISS can't move it there."""
    if device == CPU or isinstance(index, TorchFlatIndex):
        return index
    if not isinstance(index, FloatIndex):
        raise UserError(f"FAISS keeps no signs on {device}.", "Set search_device=cpu, or leave out binary.")
    return FloatIndex(faiss_gpu_index(index.index, device))


def faiss_gpu_index(index: Any, device: str) -> Any:
    import faiss

    number = int(device.partition(":")[2] or 0)
    try:
        return faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), number, index)
    except RuntimeError as error:
        reason = str(error).rpartition("Error: ")[2].partition("\n")[0]
        raise UserError(f"FAISS can't move this index to {device}: {reason}", "Set search_device=cpu.") from None
