"""How much the processor's last-level cache holds: vectors that fit into it are searched several times as quickly."""

import re
from pathlib import Path

from evalkit.results.provenance import output_of

CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
ASSUMED_BYTES = 32 * 2**20
MOST_BYTES = 64 * 2**20  # a virtual machine shows its host's whole cache, of which two cores get a small share
UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}


def last_level_cache() -> int:
    """Bytes of the largest cache of the first core, at most 64 MiB; 32 MiB where no system tells."""
    listed = [kib_or_mib(file.read_text(encoding="ascii")) for file in CACHES.glob("index*/size")]
    for name in ("LEVEL3_CACHE_SIZE", "LEVEL2_CACHE_SIZE"):
        if not any(listed):
            listed.append(kib_or_mib(output_of("getconf", name) or ""))
    if not any(listed):
        listed.append(kib_or_mib(output_of("sysctl", "-n", "hw.l2cachesize") or ""))
    return min(max(listed), MOST_BYTES) if any(listed) else ASSUMED_BYTES


def kib_or_mib(text: str) -> int:
    """Bytes of ``32768K``, ``32M`` or a plain number; 0 for anything else."""
    match = re.fullmatch(r"(\d+)([KMG]?)", text.strip())
    return int(match[1]) * UNITS[match[2]] if match else 0
