"""What was changed between two runs: settings of the points that are compared, and what their models were told."""

from collections.abc import Iterator, Sequence
from typing import Any

from evalkit.errors import abridged
from evalkit.gate.pairing import Pair
from evalkit.results.model_parts import model_parts
from evalkit.results.reader import StoredRun
from evalkit.results.setting import differences

NOT_CHANGES = ("task", "corpus", "corpus_fingerprint")
OF_ANOTHER_MODEL = ("revision", "model_options")  # which differ with it anyway
PARTS = (
    *("query_prompt", "document_prompt", "input_types", "task_prompts"),
    *("query_request", "document_request", "asked_dims"),
    *("max_length", "layer_norm", "pooling", "precision", "device", "runtime", "store_dtype"),
)
MOST_IN_VALUE = 60  # characters: prompts may be long
DIGITS_OF_REVISION = 12


def changes(pairs: Sequence[Pair], baseline: StoredRun, candidate: StoredRun) -> list[str]:
    """``dims 256 → 64`` for all that differs in any pair, each once, in the order of a setting's columns."""
    return list(dict.fromkeys(change for pair in pairs for change in changes_of(pair, baseline, candidate)))


def changes_of(pair: Pair, baseline: StoredRun, candidate: StoredRun) -> Iterator[str]:
    changed = differences(pair.baseline, pair.candidate)
    left_out = (*NOT_CHANGES, *(OF_ANOTHER_MODEL if "model" in changed else ()))
    yield from (in_words(name, *values) for name, values in changed.items() if name not in left_out)
    if version := version_change(pair):
        yield version
    if "model" in changed:
        return
    before, after = (
        model_parts(run.about, point["model"], point["corpus"])
        for run, point in ((baseline, pair.baseline), (candidate, pair.candidate))
    )
    for name in PARTS:
        if before[name] != after[name]:
            yield in_words(name, *(f"'{part[name]}'" if "prompt" in name else part[name] for part in (before, after)))


def version_changes(pairs: Sequence[Pair]) -> list[str]:
    """``engine version …`` of every pair that was searched by two versions of one engine, each once."""
    return list(dict.fromkeys(change for pair in pairs if (change := version_change(pair))))


def version_change(pair: Pair) -> str:
    """``engine version 1.14.0 → 1.15.1`` where the same engine searched vectors in another one; empty elsewhere."""
    versions = [point.get("engine_version") for point in (pair.baseline, pair.candidate)]
    is_same_engine = pair.baseline["engine"] == pair.candidate["engine"]
    if pair.baseline["dims"] is None or not is_same_engine or not all(versions) or versions[0] == versions[1]:
        return ""
    return in_words("engine_version", *versions)


def in_words(name: str, before: Any, after: Any) -> str:
    return f"{name.replace('_', ' ')} {value_words(name, before)} → {value_words(name, after)}"


def value_words(name: str, value: Any) -> str:
    """A model without its organisation, a revision by its first digits, nothing as ``none``."""
    text = "none" if value in (None, "") else str(value)
    if name == "model":
        text = text.rpartition("/")[2]
    return text[:DIGITS_OF_REVISION] if name == "revision" else abridged(text, MOST_IN_VALUE)
