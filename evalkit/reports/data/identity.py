"""What makes points of different runs one setting or two: everything that changes vectors or rankings does.

Machine and threads don't, and neither does what ran a model where its vectors agree (``same_vectors``). A device other
than the CPU tells settings apart for its price's sake: speed on a GPU and on a CPU answer different questions.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from evalkit.config.schema.search import RESCORE_FACTOR
from evalkit.reports.data.labels import Words, labels, quoted, short
from evalkit.results.index_config import build_settings
from evalkit.results.setting import WHOLE

SOURCE = ["runtime", "weights", "kind"]
NOT_OF_SCORES = ("kind", "path", "depth", "trust_remote_code", "licence")
OF_FUSED_MODEL = ("kind", "name", "revision", "options", "prompts")
SAID_BY_FAISS = ("kind", "bits")  # older runs have the fragment alone

MODEL_PARTS: dict[str, Words] = {
    "revision": short,
    "precision": lambda value: f"precision {value}" if value else "precision not known",
    "device": lambda value: f"on {value}",
    "query_prompt": lambda value: f"query prompt {quoted(value)}" if value else "no query prompt",
    "document_prompt": lambda value: f"document prompt {quoted(value)}" if value else "no document prompt",
    "input_types": lambda value: f"input types {value}" if value else "no input types",
    "task_prompts": lambda value: f"prompts of tasks {quoted(value)}" if value else "no prompts of tasks",
    "query_request": lambda value: f"query requests with {value}" if value else "plain query requests",
    "document_request": lambda value: f"document requests with {value}" if value else "plain document requests",
    "asked_dims": lambda value: f"{value} dims asked of the API" if value else "all dims of the API",
    "max_length": lambda value: f"at most {value} tokens" if value else "no limit of tokens",
    "layer_norm": lambda value: "layer norm" if value else "no layer norm",
    "pooling": lambda value: f"{value} pooling",
    "options": lambda value: f"options {quoted(value)}" if value else "no options",
    "chunking": lambda value: "whole documents" if value == WHOLE else value,
    "store_dtype": lambda value: f"stored as {value}",
    "top_k": lambda value: f"top_k {value}",
    "serve_k": lambda value: f"serve_k {value}",
    "runtime": lambda value: f"runtime {value}",
    "weights": lambda value: f"weights {short(value)}" if value else "weights not known",
    "kind": lambda value: f"kind {value}",
}


def quantization_meaning(about: Mapping[str, Any], quantization: str, serve_k: str) -> str:
    """What a point's quantization stands for in its run: the keys of its config that decide rankings, as JSON."""
    settings = about["config"].get("quantization", {}).get(quantization) or {}
    if settings.get("faiss"):
        settings = without(settings, SAID_BY_FAISS)
    rescore = settings.get("rescore")
    if isinstance(rescore, Mapping):
        settings = {**settings, "rescore": f"{candidates(rescore, serve_k)} by {rescore.get('store', 'float32')}"}
    return json.dumps(dict(flat(settings)))


def candidates(rescore: Mapping[str, Any], serve_k: str) -> str:
    """How many candidates are re-ordered, however the config says it; of a ladder, the operating point says it."""
    given, times = rescore.get("candidates"), 1
    if given is None:
        given, times = rescore.get("factor") or RESCORE_FACTOR, int(serve_k)
    numbers = {number * times for number in (given if isinstance(given, list) else [given])}
    return "a ladder" if len(numbers) > 1 else str(numbers.pop())


def index_meaning(about: Mapping[str, Any], point: Mapping[str, Any]) -> str:
    """What a point's index and stages stand for in its run: the keys of their configs that decide rankings, as JSON.

    Operating points and depths are in the label already. Of what searches nothing there are none.
    """
    if not point["index"]:
        return "{}"
    config = about["config"]
    stages = config.get("stages") or {}
    settings = dict(flat(build_settings(config, point)))
    for key in stage_keys(point["stages"], stages):
        settings |= flat(stage_scores(stages[key]), f"{key} ")
    return json.dumps(settings)


def stage_keys(stages: str, config: Mapping[str, Any]) -> Iterator[str]:
    """``bm25``, ``minilm`` of ``bm25+minilm(depth=50)``: the keys of ``config``, which may hold anything."""
    while stages:
        starting = [key for key in config if re.match(rf"{re.escape(key)}($|[(+])", stages)]
        key = max(starting, key=len, default="")
        if key:
            yield key
        stages = stages[len(key) :].partition("+")[2]


def stage_scores(stage: Mapping[str, Any]) -> dict[str, Any]:
    """What of a stage's config its scores depend on; a model that lies in a folder goes by it."""
    scores = without(stage, NOT_OF_SCORES)
    if stage.get("path") and not stage.get("name"):
        scores["path"] = stage["path"]
    if isinstance(stage.get("model"), Mapping):
        scores["model"] = {name: stage["model"][name] for name in OF_FUSED_MODEL if name in stage["model"]}
    return scores


def without(settings: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key not in keys}


def flat(settings: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """("rescore factor", "4") of every value that is set, in one order."""
    for key, value in sorted(settings.items()):
        if isinstance(value, Mapping):
            yield from flat(value, f"{before}{key} ")
        elif value not in (None, "", []):
            yield f"{before}{key}", str(value)


def named_by_meaning(names: pd.Series, meanings: pd.Series) -> pd.Series:
    """``names`` of quantizations or indexes, each with the keys of its config in which its namesakes differ."""
    known = pd.DataFrame([json.loads(text) for text in meanings], index=names.index).fillna("")
    return labels(names, known, {str(key): setting_words(str(key)) for key in known})


def setting_words(key: str) -> Words:
    return lambda value: f"{key} {value}" if value else f"{key} not set"
