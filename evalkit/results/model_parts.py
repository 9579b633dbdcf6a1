"""What a run's model was told and ran on: the part of a setting that no column of points says."""

import json
from collections.abc import Mapping
from typing import Any

from evalkit.results.setting import RETRIEVAL

SIDES = ("query", "document")


def model_parts(about: Mapping[str, Any], model: str, corpus: str) -> dict[str, str]:
    """Of ``model`` in a run (run.json) on ``corpus``: everything beside its revision that changes vectors, as text.

    What isn't known or isn't set is empty.
    """
    config = about["config"].get("model", {})
    record: Mapping[str, Any] = next((m for m in about.get("models", []) if m["name"] == model), {})
    of_documents = {"model": model, "corpus": corpus, "side": "document"}.items()
    ran: Mapping[str, Any] = next((e["runtime"] for e in about["embeddings"] if of_documents <= e.items()), {})
    api = config.get("api", {})
    prompts = record.get("prompts", {})
    values = {
        "precision": ran.get("precision"),
        "device": ran.get("device", "cpu"),
        "query_prompt": prompts.get("query"),
        "document_prompt": prompts.get("document"),
        "input_types": as_text(of_sides(api.get("input_types"))),
        "task_prompts": task_prompts(about, corpus, prompts, api),
        "query_request": request_fields(api, "query"),
        "document_request": request_fields(api, "document"),
        "asked_dims": config.get("native_dims") if api.get("native_dims") else None,
        "max_length": ran.get("max_length", config.get("max_length")),
        "layer_norm": "yes" if record.get("layer_norm") else "",
        "pooling": config.get("pooling", "mean"),
        "options": as_text(config.get("options") or record.get("options")),
        "store_dtype": about["config"].get("store", {}).get("dtype", "float32"),
        "runtime": ran.get("runtime"),
        "weights": record.get("weights"),
        "kind": record.get("kind"),
    }
    return {name: "" if value is None else str(value) for name, value in values.items()}


def of_sides(names: Mapping[str, Any] | None) -> dict[str, Any]:
    """Those of ``names`` that are of a search; others are of other tasks, and of no run before there were any."""
    return {side: (names or {}).get(side) for side in SIDES}


def task_prompts(about: Mapping[str, Any], corpus: str, prompts: Mapping[str, Any], api: Mapping[str, Any]) -> str:
    """``clustering='clustering: '``: what tasks beside retrieval put before the texts of ``corpus``; empty for none."""
    if all(point["task"] == RETRIEVAL for point in about["points"] if point["corpus"] == corpus):
        return ""
    named = {**prompts, **{f"input type of {name}": value for name, value in (api.get("input_types") or {}).items()}}
    beside = {name: value for name, value in named.items() if name.rpartition(" ")[2] not in SIDES}
    return as_text({name: repr(value) for name, value in beside.items() if value is not None})


def as_text(options: Mapping[str, Any] | None) -> str:
    """``b=0.75, k1=1.2``: the options that are set, in one order."""
    return ", ".join(f"{name}={value}" for name, value in sorted((options or {}).items()) if value not in (None, ""))


def request_fields(api: Mapping[str, Any], side: str) -> str:
    """``input_type="query", model="e5-query"``: what requests of one ``side`` have of their own."""
    name = (api.get("name") or {}).get(side)
    fields = {**((api.get("extra") or {}).get(side) or {}), **({"model": name} if name else {})}
    return as_text({field: json.dumps(value, sort_keys=True, ensure_ascii=False) for field, value in fields.items()})
