"""``runtime=auto``: the quickest runtime installed that agrees with PyTorch, timed once per machine and model."""

import json
import platform
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from evalkit.config import RuntimeConfig, VectorModel
from evalkit.encoders.capabilities import load, verification
from evalkit.encoders.local.runtimes import LEAST_COSINE, RUNTIMES
from evalkit.encoders.registry import load_encoder
from evalkit.errors import UserError, first_line, say
from evalkit.formats.json_shapes import AMOUNT, defect_at
from evalkit.system.digests import name_of_key
from evalkit.system.files import write_text

AUTO = "auto"
SAMPLE_TEXTS = 64


def choose_runtime(
    model: VectorModel, runtime: RuntimeConfig, documents: Sequence[str], remembered: Path
) -> RuntimeConfig:
    """``runtime`` with the quickest candidate on the first of ``documents`` for its kind.

    The choice is kept in the folder ``remembered`` under the model, its weights, the libraries' versions and this
    machine's name, so that a later run neither times nor loads anything. Says on stderr what was chosen.
    """
    kinds = candidates(runtime)
    identities = [load_encoder(model, replace(runtime, kind=kind)).identity("document") for kind in kinds]
    if all(identity == identities[0] for identity in identities):  # a model that brings its own: a hosted one, say
        return replace(runtime, kind=kinds[0])
    file = remembered / f"runtime-{name_of_key([platform.node(), identities])}.json"
    speeds = kept_speeds(file, kinds)
    if speeds is None:
        speeds = {kind: texts_per_second(model, replace(runtime, kind=kind), documents) for kind in kinds}
        remembered.mkdir(parents=True, exist_ok=True)
        write_text(file, json.dumps(speeds))
    best = max(speeds, key=lambda kind: speeds[kind])
    listed = ", ".join(f"{kind} {speed:,.0f}/s" for kind, speed in speeds.items())
    say(f"evalkit: runtime=auto takes {best} ({listed})")
    return replace(runtime, kind=best)


def kept_speeds(file: Path, kinds: Sequence[str]) -> dict[str, float] | None:
    """Texts per second of each of ``kinds``, as ``file`` has them; null where it doesn't."""
    try:
        speeds: dict[str, float] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return None if defect_at("", speeds, dict.fromkeys(kinds, AMOUNT)) else {kind: speeds[kind] for kind in kinds}


def named_runtime(runtime: RuntimeConfig) -> RuntimeConfig:
    """``runtime``, or while nothing is chosen yet the first candidate for ``auto``: enough to check a config by."""
    return replace(runtime, kind=candidates(runtime)[0]) if runtime.kind == AUTO else runtime


def candidates(runtime: RuntimeConfig) -> list[str]:
    """Installed runtimes that have the precision and the device. PyTorch alone where there is a GPU to use."""
    if not any(known.installed for known in RUNTIMES.values()):
        return ["torch"]  # for a model that needs none, or whose encoder says what to install
    uses_gpu = runtime.device not in ("auto", "cpu") or (runtime.device == AUTO and has_gpu())
    kinds = [
        kind
        for kind, known in RUNTIMES.items()
        if known.installed and runtime.precision in known.precisions and (known.on_gpu or not uses_gpu)
    ]
    if not kinds:
        raise UserError(f"no installed runtime has the precision '{runtime.precision}'.", "Known: float32, bf16, fp16.")
    return kinds


def has_gpu() -> bool:
    """Whether this machine shows an NVIDIA device or is a Mac with one, told without importing torch."""
    return Path("/dev/nvidia0").exists() or (sys.platform == "darwin" and platform.machine() == "arm64")


def texts_per_second(model: VectorModel, runtime: RuntimeConfig, documents: Sequence[str]) -> float:
    """Speed on a sample after warm-up; 0 for a runtime that fails or whose vectors differ from PyTorch's."""
    sample = [documents[i] for i in range(min(SAMPLE_TEXTS, len(documents)))]
    encoder = load_encoder(model, runtime)
    try:
        load(encoder)
        verified = verification(encoder, sample, "document")
    except (RuntimeError, UserError) as error:
        reason = error.sentences if isinstance(error, UserError) else first_line(error)
        say(f"evalkit: warning: runtime={runtime.kind} is left out: {reason}")
        return 0.0
    if verified is not None and not verified["smallest_cosine"] >= LEAST_COSINE:
        return 0.0
    return len(sample) / encoder.encode(sample, "document").seconds
