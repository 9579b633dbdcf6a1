"""Which of a model's prompts goes before the texts of a task: a table, as models' own documentation has it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from evalkit.config import HostedModel, VectorModel
from evalkit.config.schema.models import InputTypes, Prompts

PROMPTS: Mapping[str, Sequence[str]] = {  # kind of task: names of prompts, the first that a model has is used
    "classification": ("classification", "similarity", "document"),
    "clustering": ("clustering", "similarity", "document"),
    "pairs": ("similarity", "document"),
    "duplicates": ("document",),
    "outliers": ("document",),
    "recommendations": ("document",),
    "cache": ("query",),
}

Names = TypeVar("Names", Prompts, InputTypes)


def for_task(model: VectorModel, kind: str) -> VectorModel:
    """``model`` with the prompt of a ``kind`` of task before all texts; as it is where sides have their own."""
    if kind not in PROMPTS:
        return model
    model = replace(model, prompts=one_for_all(model.prompts, PROMPTS[kind]))
    if not isinstance(model, HostedModel):
        return model
    return replace(model, api=replace(model.api, input_types=one_for_all(model.api.input_types, PROMPTS[kind])))


def one_for_all(names: Names, wanted: Sequence[str]) -> Names:
    """``names`` with the first of ``wanted`` that is set on both sides."""
    chosen = next((value for name in wanted if (value := getattr(names, name)) is not None), "")
    return replace(names, query=chosen, document=chosen)
