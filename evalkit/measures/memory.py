"""Peak resident memory of this process during one phase, as the kernel saw it."""

from pathlib import Path
from types import TracebackType

CLEAR_REFS = Path("/proc/self/clear_refs")
STATUS = Path("/proc/self/status")
RESET_PEAK_RSS = "5"  # Linux: proc_pid_clear_refs(5)


class PeakMemory:
    """A context manager; ``peak_rss_bytes`` is the peak within it, null where the kernel does not tell."""

    def __init__(self) -> None:
        self.peak_rss_bytes: int | None = None
        self.can_measure = False

    def __enter__(self) -> "PeakMemory":
        try:
            CLEAR_REFS.write_text(RESET_PEAK_RSS, encoding="ascii")
            self.can_measure = True
        except OSError:
            self.can_measure = False
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.can_measure:
            self.peak_rss_bytes = peak_rss_since_reset_bytes()


def peak_rss_since_reset_bytes() -> int | None:
    for line in STATUS.read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None
