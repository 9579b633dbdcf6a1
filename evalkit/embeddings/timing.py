"""How quick a model is, kept apart from its vectors: a timing belongs to the machine, threads and day that made it.

Vectors may be shared between machines; beside them lies one file per machine and settings, ``timing-<key>.json``. Where
this machine's is missing, a sample of the texts is encoded once more.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.corpora import Texts
from evalkit.embeddings.entries.entry import Entry
from evalkit.embeddings.entries.note_fields import TIMING
from evalkit.embeddings.entries.seals import sealed
from evalkit.embeddings.entries.trust import timing_in, timing_owner
from evalkit.embeddings.store import READ_ONLY
from evalkit.encoders import Encoder, Side
from evalkit.encoders.capabilities import load, peak_device_bytes, single_call_seconds, timing_settings
from evalkit.measures.memory import PeakMemory
from evalkit.results.provenance import hardware, machine
from evalkit.system.busy import Figures, MachineLoad, busy_words, least_disturbed
from evalkit.system.digests import name_of_key
from evalkit.system.files import write_text

LATENCY_WARM_UP = 10
LEAST_AGAIN_SECONDS, MOST_AGAIN_SECONDS = 1.0, 3.0
WARM_UP_TEXTS = 16
SEED = 0
HARDWARE_DIGITS = 12


@dataclass(frozen=True)
class Conditions:
    """What a timing depends on beside the model and its texts.

    ``hardware`` is the fingerprint of results.provenance (CPU, GPU, memory, thread settings), ``settings`` are the
    encoder's own: threads, tokens or texts in a batch, requests at a time.
    """

    hardware: str
    cpu: str | None
    settings: Mapping[str, Any]

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Conditions":
        """Those of this process at this moment, with ``settings`` of what is timed."""
        here = machine()
        usable = {"cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None}
        visible = {"visible_gpus": os.environ.get("CUDA_VISIBLE_DEVICES")}
        return cls(hardware(here), here["cpu"]["model"], {**usable, **visible, **settings})

    @cached_property
    def key(self) -> str:
        return name_of_key([self.hardware, self.settings])

    @property
    def timed_on(self) -> dict[str, str | None]:
        """The machine for the record: the first digits of its fingerprint, and what its CPU is called."""
        return {"hardware": self.hardware[:HARDWARE_DIGITS], "cpu": self.cpu}


@dataclass(frozen=True)
class Timing:
    """What encoding took under ``conditions``: ``texts`` that have ``tokens`` (null where not told) in ``seconds``.

    ``seconds`` is null where texts were encoded one at a time alone. ``latency_ms`` are single calls, ``peak_…_bytes``
    the most memory of the process and of the device meanwhile, ``runtime`` the encoder's description of itself,
    ``load`` what else the machine did; empty where that isn't known.
    """

    conditions: Conditions
    timed_at: str
    texts: int
    tokens: int | None
    seconds: float | None
    peak_rss_bytes: int | None
    peak_gpu_bytes: int | None
    runtime: Mapping[str, Any]
    latency_ms: tuple[float, ...] = ()
    load: Figures = field(default_factory=dict)

    @property
    def is_disturbed(self) -> bool:
        """Whether the machine was busy with something else for so long that timing a sample again is worth it."""
        return bool(busy_words(self.load)) and (self.load.get("seconds") or 0.0) >= LEAST_AGAIN_SECONDS

    @property
    def texts_per_second(self) -> float | None:
        return None if self.seconds is None else self.texts / self.seconds

    @property
    def tokens_per_second(self) -> float | None:
        return None if self.seconds is None or self.tokens is None else self.tokens / self.seconds


@dataclass(frozen=True)
class TimingPlan:
    """``latency_calls`` single texts, and a sample of ``sample_seconds`` where an earlier pass left no timing.

    ``sample_seconds`` 0 times nothing that a pass doesn't time by itself.
    """

    latency_calls: int
    sample_seconds: float


def is_enough(timing: Timing | None, texts: int, plan: TimingPlan) -> bool:
    """Whether what a resumed pass encoded itself says no less of its speed than a sample would."""
    if timing is None or timing.seconds is None:
        return False
    return 2 * timing.texts >= texts or timing.seconds >= plan.sample_seconds


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def timing_file(entry: Entry, conditions: Conditions) -> Path:
    return entry.folder / f"timing-{conditions.key}.json"


def read_timing(entry: Entry, conditions: Conditions) -> Timing | None:
    """What was timed under the same ``conditions`` before; null for nothing."""
    stored = timing_in(timing_file(entry, conditions), entry)
    if stored is None:
        return None
    fields = {name: stored[name] for name in TIMING if not name.endswith("?")}
    latency_ms, load = tuple(stored["latency_ms"]), stored.get("load") or {}
    return Timing(conditions, **{**fields, "latency_ms": latency_ms, "load": load})


def keep_timing(entry: Entry, timing: Timing) -> None:
    """Beside the vectors, for later runs on this machine; a store on a read-only disk keeps none."""
    file = timing_file(entry, timing.conditions)
    try:
        write_text(file, json.dumps(sealed(asdict(timing), timing_owner(entry, file)), indent=1))
    except OSError as error:
        if error.errno not in READ_ONLY:
            raise


def total(counts: Sequence[int | None]) -> int | None:
    """The sum; null where one of ``counts`` is not known."""
    return None if None in counts else sum(count or 0 for count in counts)


def largest(peaks: Sequence[int | None]) -> int | None:
    """The most of ``peaks``; null where one is not known, and without any."""
    known = [peak for peak in peaks if peak is not None]
    return max(known) if known and len(known) == len(peaks) else None


def timing_of(
    entry: Entry,
    encoder: Encoder,
    side: Side,
    texts: Texts,
    shards: Sequence[Mapping[str, Any]],
    plan: TimingPlan,
    is_new: bool,
    load_of_pass: Figures,
) -> Timing | None:
    """The timing of ``entry`` here and now: kept from before, of enough ``shards``, or of a sample; else null.

    ``shards`` are what was measured on each of them; ``is_new`` says that this process has just finished the pass,
    under ``load_of_pass``. What was timed while the machine was busy is timed once more, on a sample: in the same run,
    and where it was kept, in a later one.
    """
    conditions = Conditions.of(timing_settings(encoder))
    kept = read_timing(entry, conditions)
    timing, rows_per_call = kept, int(entry.key["shard_texts"])
    if timing is None:
        timing = time_of_shards(shards, encoder, conditions, load_of_pass)
        if plan.sample_seconds and not is_enough(timing, len(texts), plan):
            timing = time_on_sample(encoder, side, texts, rows_per_call, plan.sample_seconds, conditions)
    if timing and timing.is_disturbed and plan.sample_seconds:
        seconds = min(plan.sample_seconds, MOST_AGAIN_SECONDS)
        again = time_on_sample(encoder, side, texts, rows_per_call, seconds, conditions)
        timing = less_disturbed(timing, again)
    if timing and (is_new or plan.sample_seconds) and len(timing.latency_ms) < plan.latency_calls:
        load(encoder)
        calls = partial(single_call_latencies_ms, encoder, side, texts.texts, plan.latency_calls)
        latency_ms, disturbed = least_disturbed(calls, MOST_AGAIN_SECONDS if plan.sample_seconds else 0.0)
        timing = replace(timing, latency_ms=latency_ms, load=disturbed)
    if timing and timing is not kept:
        keep_timing(entry, timing)
    return timing


def less_disturbed(timing: Timing, again: Timing) -> Timing:
    """``again`` where the machine was quiet then, else the quicker one: other work makes none quicker.

    Memory is that of the first.
    """
    if again.is_disturbed and (again.texts_per_second or 0.0) <= (timing.texts_per_second or 0.0):
        return timing
    return replace(again, peak_rss_bytes=timing.peak_rss_bytes, peak_gpu_bytes=timing.peak_gpu_bytes)


def time_of_shards(
    measured: Sequence[Mapping[str, Any]], encoder: Encoder, conditions: Conditions, load: Figures
) -> Timing | None:
    """Of the shards that were made under ``conditions``, by whichever process; null without any."""
    own = [shard for shard in measured if shard.get("timing") == conditions.key]
    if not own:
        return None
    return Timing(
        conditions=conditions,
        timed_at=now(),
        texts=sum(shard["texts"] for shard in own),
        tokens=total([shard["tokens"] for shard in own]),
        seconds=sum(shard["seconds"] for shard in own),
        peak_rss_bytes=largest([shard["peak_rss_bytes"] for shard in own]),
        peak_gpu_bytes=largest([shard["peak_gpu_bytes"] for shard in own]),
        runtime=encoder.describe(),
        load=load,
    )


def time_on_sample(
    encoder: Encoder, side: Side, texts: Texts, rows_per_call: int, seconds: float, conditions: Conditions
) -> Timing:
    """Encode texts drawn with a fixed seed for about ``seconds``, after a warm-up, and throw the vectors away.

    They are encoded in their order and ``rows_per_call`` at a time, as in a pass, so batches are filled as well.
    """
    load(encoder)
    peak_device_bytes(encoder)  # from here on
    drawn = np.random.default_rng(SEED).permutation(len(texts))
    with PeakMemory() as memory:
        first = drawn[:WARM_UP_TEXTS]
        warm_up = encoder.encode([texts.texts[row] for row in first], side)
        affordable = int(seconds * len(first) / max(warm_up.seconds, 1e-9))
        sample = np.sort(drawn[: max(affordable, len(first))])
        with MachineLoad() as around:
            calls = list(encode_sample(encoder, side, texts, sample.tolist(), rows_per_call, seconds))
    return Timing(
        conditions=conditions,
        timed_at=now(),
        texts=sum(texts for texts, _, _ in calls),
        tokens=total([tokens for _, tokens, _ in calls]),
        seconds=sum(seconds for _, _, seconds in calls),
        peak_rss_bytes=memory.peak_rss_bytes,
        peak_gpu_bytes=peak_device_bytes(encoder),
        runtime=encoder.describe(),
        load=around.figures,
    )


def encode_sample(
    encoder: Encoder, side: Side, texts: Texts, sample: Sequence[int], rows_per_call: int, seconds: float
) -> Iterator[tuple[int, int | None, float]]:
    """(texts, tokens, seconds) of one call after another, until the sample or the time is used up."""
    left = seconds
    for first in range(0, len(sample), rows_per_call):
        if left <= 0:
            return
        rows = sample[first : first + rows_per_call]
        encoded = encoder.encode([texts.texts[row] for row in rows], side)
        left -= encoded.seconds
        yield len(rows), None if encoded.tokens is None else int(encoded.tokens.sum()), encoded.seconds


def single_call_latencies_ms(encoder: Encoder, side: Side, texts: Sequence[str], calls: int) -> tuple[float, ...]:
    """Milliseconds of encoding one text at a time, ``calls`` times around ``texts``, after a warm-up."""
    rounds = range(-LATENCY_WARM_UP if calls else 0, calls)
    seconds = [single_call_seconds(encoder, texts[call % len(texts)], side) for call in rounds]
    return tuple(taken * 1000 for taken in seconds[LATENCY_WARM_UP:])
