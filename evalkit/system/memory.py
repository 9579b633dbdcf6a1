"""How much memory this process can have: the machine's, or what its container is given."""

from collections.abc import Sequence
from pathlib import Path

OF_CONTAINER = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))  # cgroup 2, 1


def memory_bytes(limits: Sequence[Path] = OF_CONTAINER) -> int:
    """The least of the machine's bytes and those that the files ``limits`` name; a file without a number names none."""
    import psutil

    texts = [file.read_text().strip() for file in limits if file.is_file()]
    machine: int = psutil.virtual_memory().total
    return min([machine, *(int(text) for text in texts if text.isdecimal())])
