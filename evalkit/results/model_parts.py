"""What a run's model was told and ran on: the part of a setting that no column of points says."""

import json
from collections.abc import Mapping
from typing import Any


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
        "input_types": as_text(api.get("input_types")),
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


def as_text(options: Mapping[str, Any] | None) -> str:
    """``b=0.75, k1=1.2``: the options that are set, in one order."""
    return ", ".join(f"{name}={value}" for name, value in sorted((options or {}).items()) if value not in (None, ""))


def request_fields(api: Mapping[str, Any], side: str) -> str:
    """``input_type="query", model="e5-query"``: what requests of one ``side`` have of their own."""
    name = (api.get("name") or {}).get(side)
    fields = {**((api.get("extra") or {}).get(side) or {}), **({"model": name} if name else {})}
    return as_text({field: json.dumps(value, sort_keys=True, ensure_ascii=False) for field, value in fields.items()})
