"""``runtime=auto``: the quickest runtime installed that agrees with PyTorch, timed once per machine and model."""

import json
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from evalkit.arrays import FloatMatrix, row_cosines
from evalkit.config import RuntimeConfig, SentenceTransformersModel, VectorModel
from evalkit.encoders.capabilities import load
from evalkit.encoders.local.runtimes import LEAST_COSINE, RUNTIMES
from evalkit.encoders.local.sentence_transformers import SentenceTransformersEncoder, libraries_of
from evalkit.encoders.local.streams import streams_of
from evalkit.encoders.local.torch_device import has_bf16
from evalkit.errors import UserError, did_you_mean, first_line, say
from evalkit.formats.json_shapes import AMOUNT, defect_at
from evalkit.system.busy import MachineLoad, busy_words
from evalkit.system.digests import name_of_key
from evalkit.system.files import write_text

AUTO = "auto"
THIS_MACHINE, RANKS = platform.node(), "ranks of one run"  # for whom a choice holds
CHOICE_SECONDS = 10.0  # at most, of all candidates together
FIRST_SAMPLE, GROWTH, MOST_SAMPLED = 8, 2, 128  # texts
NOT_OF_CHOICE = ("side", "prompt", "runtime", "precision", "libraries")


def is_open(model: VectorModel, runtime: RuntimeConfig) -> bool:
    """Whether something is left to choose; a model that brings its own runtime leaves nothing."""
    return isinstance(model, SentenceTransformersModel) and AUTO in (runtime.kind, runtime.precision)


def named_runtime(runtime: RuntimeConfig) -> RuntimeConfig:
    """``runtime``, or while nothing is chosen yet the first candidate for ``auto``: PyTorch in float32 if it may be."""
    return candidates(runtime)[0] if AUTO in (runtime.kind, runtime.precision) else runtime


def candidates(runtime: RuntimeConfig) -> list[RuntimeConfig]:
    """What ``runtime`` leaves to choose from, PyTorch first; where PyTorch has a GPU, or is asked for one, it alone.

    Raises UserError where no runtime that is installed has the precision.
    """
    on_gpu = runtime.device not in (AUTO, "cpu") or (runtime.device == AUTO and has_gpu())
    kinds = list(RUNTIMES) if runtime.kind == AUTO else [runtime.kind]
    kinds = [kind for kind in kinds if runtime.kind != AUTO or kind == "torch" or not on_gpu]
    kinds = [kind for kind in kinds if kind not in RUNTIMES or RUNTIMES[kind].installed] or ["torch"]
    precisions = ["float32", "bf16"] if runtime.precision == AUTO else [runtime.precision]
    found = [
        replace(runtime, kind=kind, precision=precision)
        for kind in kinds
        for precision in precisions
        if can(kind, precision) and (precision == runtime.precision or is_native(kind, precision, runtime.device))
    ]
    if not found:
        there = sorted({precision for kind in kinds for precision in RUNTIMES[kind].precisions})
        hint = did_you_mean(runtime.precision, there)
        raise UserError(f"no installed runtime has the precision '{runtime.precision}'.", hint)
    return found


def can(kind: str, precision: str) -> bool:
    """Whether a runtime has a precision; of an unknown one nothing is known yet."""
    return kind not in RUNTIMES or precision in RUNTIMES[kind].precisions


def is_native(kind: str, precision: str, device: str) -> bool:
    """Whether a precision that nobody asked for by name is worth a try."""
    return precision == "float32" or has_bf16(kind, device)


def has_gpu() -> bool:
    """Whether this machine shows an NVIDIA device or is a Mac with one, told without importing torch."""
    return Path("/dev/nvidia0").exists() or (sys.platform == "darwin" and platform.machine() == "arm64")


def under(encoder: SentenceTransformersEncoder, runtime: RuntimeConfig) -> SentenceTransformersEncoder:
    """The model of ``encoder`` under another ``runtime``; its files aren't read again to know them."""
    other = SentenceTransformersEncoder(encoder.config, runtime)
    other.weights = encoder.weights
    return other


def remembered_choice(
    encoder: SentenceTransformersEncoder, runtime: RuntimeConfig, folder: Path, whose: str = THIS_MACHINE
) -> RuntimeConfig | None:
    """What was chosen for ``whose`` runs before; null where nothing was, or what was kept can't be read."""
    choices = candidates(runtime)
    speeds = kept_speeds(choice_file(encoder, choices, folder, whose), [name_of(choice) for choice in choices])
    return quickest(choices, speeds) if speeds and max(speeds.values()) > 0 else None


def timed_choice(
    encoder: SentenceTransformersEncoder,
    runtime: RuntimeConfig,
    texts: Sequence[str],
    folder: Path,
    whose: str = THIS_MACHINE,
    is_kept: bool = True,
) -> SentenceTransformersEncoder:
    """The quickest candidate on some of ``texts``, loaded; what was timed is kept in ``folder`` for ``whose`` runs,
    unless ``is_kept`` is false.

    It takes about ``CHOICE_SECONDS`` at most, beside loading the model for PyTorch, which any run needs: a candidate
    whose conversion would take longer than is left is not tried, and is tried by a later run where that was for lack of
    time. What was timed while the machine was busy with other work is not kept. Says on stderr what was chosen, and why
    a candidate was left out.
    """
    choices = candidates(runtime)
    reference = under(encoder, replace(choices[0], kind="torch", precision="float32", device="cpu"))
    load(reference)
    started = time.perf_counter()
    with MachineLoad() as around:
        speeds, encoders = time_all(reference, choices, texts, started + CHOICE_SECONDS)
    took = time.perf_counter() - started
    known = {name: speed or 0.0 for name, speed in speeds.items()}
    chosen = quickest(choices, known)
    listed = ", ".join(f"{name} {speed:,.0f}/s" for name, speed in speeds.items() if speed)
    say(f"evalkit: runtime=auto takes {name_of(chosen)} ({listed}), chosen in {took:.1f} s")
    is_sure = None not in speeds.values() and not busy_words(around.figures)
    if is_kept and (is_sure or whose == RANKS):
        keep(choice_file(encoder, choices, folder, whose), known)
    return encoders[name_of(chosen)]


def keep(file: Path, speeds: dict[str, float]) -> None:
    """For later runs; where that can't be written, they choose again."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, json.dumps(speeds))
    except (OSError, UserError) as error:
        say(f"evalkit: warning: what runtime=auto took is not remembered: {first_line(error)}")


def time_all(
    reference: SentenceTransformersEncoder, choices: Sequence[RuntimeConfig], texts: Sequence[str], deadline: float
) -> tuple[dict[str, float | None], dict[str, SentenceTransformersEncoder]]:
    """Texts per second of each of ``choices``, and their encoders.

    0 is one that fails, differs from PyTorch or is too large to be tried; null one that there was no time for.
    """
    sample = list(texts[:MOST_SAMPLED])
    expected = reference.encode(sample[:FIRST_SAMPLE], "document").vectors
    speeds: dict[str, float | None] = {}
    encoders: dict[str, SentenceTransformersEncoder] = {}
    for place, choice in enumerate(choices):
        name, now = name_of(choice), time.perf_counter()
        encoders[name] = under(reference, choice)
        converting = RUNTIMES[choice.kind].conversion_seconds(reference.parameters)
        if place and converting > deadline - now:
            say(f"evalkit: runtime=auto does not try {name}: converting takes about {max(1, round(converting))} s")
            speeds[name] = 0.0 if converting > CHOICE_SECONDS else None
            continue
        encoders[name].share_weights(reference)
        speeds[name] = speed_of(encoders[name], sample, expected, (deadline - now) / (len(choices) - place))
    return speeds, encoders


def speed_of(
    encoder: SentenceTransformersEncoder, sample: Sequence[str], expected: FloatMatrix, seconds: float
) -> float:
    """Texts per second, found in about ``seconds`` with conversion; 0 where it fails, or gives not the ``expected``."""
    name, began = name_of(encoder.runtime), time.perf_counter()
    try:
        load(encoder)
        found = encoder.encode(sample[: len(expected)], "document")
        if not float(row_cosines(found.vectors, expected).min()) >= LEAST_COSINE:
            say(f"evalkit: runtime=auto leaves {name} out: its vectors differ from PyTorch's in float32")
            return 0.0
        speed, size = len(expected) / found.seconds, len(expected)
        while size < len(sample) and time.perf_counter() - began + size * GROWTH / speed < seconds:
            size = min(size * GROWTH, len(sample))
            speed = size / encoder.encode(sample[:size], "document").seconds
    except Exception as error:  # whatever a library raises that converts or computes
        reason = error.sentences if isinstance(error, UserError) else first_line(error)
        say(f"evalkit: warning: runtime={name} is left out: {reason}")
        return 0.0
    return speed


def choice_file(
    encoder: SentenceTransformersEncoder, choices: Sequence[RuntimeConfig], folder: Path, whose: str
) -> Path:
    """Where a choice is kept: by model, weights, the libraries' versions, threads and for whom it was made."""
    identity = {name: value for name, value in encoder.identity("document").items() if name not in NOT_OF_CHOICE}
    versions = {name_of(choice): libraries_of(choice.kind) for choice in choices}
    streams = streams_of(choices[0])
    threads = [] if whose == RANKS else [streams.count, streams.threads]
    return folder / f"runtime-{name_of_key([whose, identity, versions, *threads])}.json"


def kept_speeds(file: Path, names: Sequence[str]) -> dict[str, float] | None:
    """Texts per second of each of ``names``, as ``file`` has them; null where it doesn't."""
    try:
        speeds: dict[str, float] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return None if defect_at("", speeds, dict.fromkeys(names, AMOUNT)) else {name: speeds[name] for name in names}


def quickest(choices: Sequence[RuntimeConfig], speeds: dict[str, float]) -> RuntimeConfig:
    """The first of the quickest of ``choices``."""
    return choices[int(np.argmax([speeds[name_of(choice)] for choice in choices]))]


def name_of(runtime: RuntimeConfig) -> str:
    """``openvino``, ``openvino bf16``."""
    return runtime.kind if runtime.precision == "float32" else f"{runtime.kind} {runtime.precision}"
