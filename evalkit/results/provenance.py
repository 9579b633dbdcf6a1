"""Where figures come from: the machine and its software."""

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import psutil

TOKENIZERS = "TOKENIZERS_PARALLELISM"  # which libraries set for themselves
NAME, VERSION = (re.compile(rf"^{field}: *(.+?)\r?$", re.MULTILINE) for field in ("Name", "Version"))
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", TOKENIZERS)


def environment() -> dict[str, Any]:
    """Python, packages, OS, CPU, memory, GPU, thread settings and git commit of the moment; null where unknown."""
    return {
        "python": platform.python_version(),
        "packages": packages(),
        "os": platform.platform(),
        **machine(),
        "git_commit": git_commit(),
    }


def packages() -> dict[str, str]:
    """Versions of what is installed, by name: of each package's metadata the head alone, as parsing all takes long."""
    texts = (found.read_text("METADATA") or found.read_text("PKG-INFO") or "" for found in distributions())
    installed = [
        (name[1], version[1]) for text in texts if (name := NAME.search(text)) and (version := VERSION.search(text))
    ]
    return dict(sorted(installed, key=lambda package: package[0].lower()))


def machine() -> dict[str, Any]:
    """CPU, memory, GPU and thread settings of the moment: the part of the environment that timings depend on."""
    return {
        "cpu": cpu(),
        "ram_bytes": psutil.virtual_memory().total,
        "gpu": gpus(),
        "threads": {"faiss": faiss_threads(), **{v: os.environ.get(v) for v in THREAD_VARIABLES}},
    }


def hardware(environment: Mapping[str, Any]) -> str:
    """sha256 (hex) of what timings depend on: CPU, GPU, memory to the gigabyte, and thread settings."""
    memory_gb = round(environment["ram_bytes"] / 1e9)
    threads = {name: value for name, value in environment["threads"].items() if name != TOKENIZERS}
    depends = [environment["cpu"], environment["gpu"], memory_gb, threads]
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()


def cpu() -> dict[str, Any]:
    return {
        "model": cpu_model(),
        "logical_cores": psutil.cpu_count(),
        "physical_cores": psutil.cpu_count(logical=False),
    }


def cpu_model() -> str | None:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or None


@cache
def gpus() -> list[dict[str, str]]:
    """Name and driver of every NVIDIA GPU, as nvidia-smi tells."""
    listed = output_of("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader")
    rows = [line.split(", ") for line in (listed or "").splitlines()]
    return [{"name": row[0], "driver": row[1]} for row in rows if len(row) == 2]


def faiss_threads() -> int:
    import faiss

    return int(faiss.omp_get_max_threads())


def git_commit() -> str | None:
    return output_of("git", "rev-parse", "HEAD")


def output_of(program: str, *arguments: str) -> str | None:
    """What a program prints; null where it is missing, fails or takes over ten seconds."""
    path = shutil.which(program)
    if path is None:
        return None
    try:
        done = subprocess.run([path, *arguments], capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
