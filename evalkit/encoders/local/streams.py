"""How the CPU's threads are shared out: streams side by side, each of which computes a batch by few threads of its own.

A batch's arithmetic depends on the threads that compute it, in the last bits. A stream has the same few whatever the
machine has, so vectors don't depend on the number of cores, workers or streams.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil

from evalkit.config import RuntimeConfig, SentenceTransformersModel

ROPE_THAT_GROWS = ("dynamic", "longrope")


@dataclass(frozen=True)
class Streams:
    """``count`` batches at once, each computed by ``threads``; one text alone is computed by ``all_threads``."""

    count: int
    threads: int
    all_threads: int


def threads_of(runtime: RuntimeConfig) -> int:
    """CPU threads of this process: ``runtime.threads``, or one per physical core."""
    return runtime.threads or psutil.cpu_count(logical=False) or 1


def streams_of(runtime: RuntimeConfig) -> Streams:
    """As many streams as ``runtime.threads_per_stream`` (null: one) leaves room for, and one in any case."""
    threads, each = threads_of(runtime), runtime.threads_per_stream or 1
    return Streams(max(1, threads // each), each, threads)


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """PyTorch computes with ``count`` threads in this thread, and in those that are started meanwhile."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def may_run_side_by_side(config: SentenceTransformersModel, runtime: RuntimeConfig, model: Any) -> bool:
    """Whether several threads may call PyTorch's module: not where it keeps what it computed for one call.

    So do compiled modules, rotary embeddings that grow with the texts, and maybe a repository's own code.
    """
    settings = getattr(getattr(model[0], "model", None), "config", None)
    rope = getattr(settings, "rope_parameters", None) or getattr(settings, "rope_scaling", None) or {}
    grows = any(kind in json.dumps(rope, default=str) for kind in ROPE_THAT_GROWS)
    return not (runtime.compile or config.trust_remote_code or grows)
