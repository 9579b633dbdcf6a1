"""Who is at which shard, among processes that share a folder: files that only one can make, and that age.

A claim is ``<part>.claim-<n>``, made in one step that fails where it is there. Its owner touches it again and again;
one that nobody has touched for ``lapse_seconds`` is its dead owner's, and ``claim-<n+1>`` may be made. Ages are told
by the folder's own clock: the time of a file that is touched now, minus the time of the claim.

Claims spare work and guard nothing: whatever two processes make of one shard, the first that is whole counts.
"""

import json
import os
import platform
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex

import psutil

CLAIM = re.compile(r"([0-9a-f]{32})\.claim-([0-9]{1,6})")
CLOCK = ".clock"
GIVEN_UP = 0  # the time of a claim that its owner has let go of
TOUCHES = 6  # within the time in which a claim lapses


@dataclass(frozen=True)
class Claim:
    """The latest claim to a part: its number, and whether whoever made it gives no sign of life any more."""

    number: int
    is_lapsed: bool


@dataclass
class Claims:
    """Those in ``folder``, and this process's own among them."""

    folder: Path
    rank: int
    lapse_seconds: float
    own: set[Path] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.clock = self.folder / f"{token_hex(6)}{CLOCK}"

    @contextmanager
    def kept_alive(self) -> Iterator[None]:
        """Within, a thread touches this process's own claims; after it they are given up."""
        ended = threading.Event()
        beating = threading.Thread(target=self.beat, args=(ended,), daemon=True)
        beating.start()
        try:
            yield
        finally:
            ended.set()
            beating.join()
            self.give_up()

    def beat(self, ended: threading.Event) -> None:
        while not ended.wait(self.lapse_seconds / TOUCHES):
            for file in [self.clock, *self.own.copy()]:
                with suppress(OSError):
                    os.utime(file)

    def now(self) -> float:
        """The folder's own clock, in seconds. Raises FileNotFoundError where the folder is gone."""
        self.clock.touch()
        os.utime(self.clock)  # without a time of this machine's: the server sets its own
        return self.clock.stat().st_mtime

    def make(self, part: str, number: int) -> bool:
        """Whether the claim is this process's. Raises FileNotFoundError where the folder is gone."""
        file = self.folder / f"{part}.claim-{number}"
        try:
            descriptor = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o666)
        except FileExistsError:
            return False
        self.own.add(file)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(json.dumps({"rank": self.rank, "processes_of": processes_of(), "process": os.getpid()}))
        return True

    def latest(self) -> dict[str, Claim]:
        """Per part that anyone has claimed, the claim that counts."""
        now = self.now()
        numbers: dict[str, int] = {}
        for file in self.folder.iterdir():
            if match := CLAIM.fullmatch(file.name):
                numbers[match[1]] = max(numbers.get(match[1], 0), int(match[2]))
        return {part: Claim(number, self.is_lapsed(part, number, now)) for part, number in numbers.items()}

    def is_lapsed(self, part: str, number: int, now: float) -> bool:
        file = self.folder / f"{part}.claim-{number}"
        if file in self.own:
            return False
        try:
            with file.open("rb") as opened:  # which a shared folder asks its server for, where it would guess otherwise
                age = now - os.fstat(opened.fileno()).st_mtime
                return age > self.lapse_seconds or is_of_dead_process(opened.read(1_000))
        except FileNotFoundError:
            return True

    def deaths(self, part: str, tries: int) -> int:
        """How many of the first ``tries`` claims to ``part`` ended without a word."""
        files = [self.folder / f"{part}.claim-{number}" for number in range(tries)]
        return sum(file.exists() and file.stat().st_mtime != GIVEN_UP for file in files)

    def is_own(self, part: str, number: int) -> bool:
        return self.folder / f"{part}.claim-{number}" in self.own

    def release(self, part: str) -> None:
        """It is done, or to be had by others at once: no space is needed for that."""
        for file in [file for file in self.own if file.name.startswith(f"{part}.")]:
            with suppress(OSError):
                os.utime(file, (GIVEN_UP, GIVEN_UP))
            self.own.discard(file)

    def give_up(self) -> None:
        """Let others have at once what this process is at."""
        for part in {file.name.partition(".")[0] for file in self.own}:
            self.release(part)
        with suppress(OSError):
            self.clock.unlink()

    def clear_lapsed(self) -> None:
        """Remove claims that lapsed: the count of tries begins anew with each start of rank 0."""
        for part, claim in self.latest().items():
            if claim.is_lapsed:
                for number in range(claim.number + 1):
                    (self.folder / f"{part}.claim-{number}").unlink(missing_ok=True)


def processes_of() -> str:
    """Where numbers of processes are told apart: the start of a machine, and the container; empty where not known."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{platform.node()} {boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def is_of_dead_process(note: bytes) -> bool:
    """Whether a claim's note names a process of this machine that is no more; no where that can't be told."""
    try:
        values = json.loads(note)
        is_here = values["processes_of"] == processes_of() != ""
        return is_here and not psutil.pid_exists(int(values["process"]))
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return False


def is_in_use(folder: Path, lapse_seconds: float) -> bool:
    """Whether a process has been at it within ``lapse_seconds``, by the folder's own clock."""
    with suppress(OSError):
        clocks = list(folder.glob(f"*{CLOCK}"))
        asked = Claims(folder, 0, lapse_seconds)
        now = asked.now() if clocks else 0.0
        asked.give_up()
        return any(now - clock.stat().st_mtime <= lapse_seconds for clock in clocks)
    return False
