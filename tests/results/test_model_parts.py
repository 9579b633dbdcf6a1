"""What a model was told: of a search both sides, of other tasks what their texts have before them."""

from typing import Any

from evalkit.results.model_parts import model_parts

SIDES = {"query": "search_query", "document": "search_document"}


def parts(task: str, prompts: dict[str, Any], input_types: dict[str, Any]) -> dict[str, str]:
    about = {
        "config": {"model": {"api": {"input_types": input_types}}},
        "models": [{"name": "m", "prompts": prompts}],
        "embeddings": [],
        "points": [{"task": task, "corpus": "c"}],
    }
    return model_parts(about, "m", "c")


def test_a_search_is_told_the_same_by_runs_from_before_there_were_other_tasks() -> None:
    before = parts("retrieval", {"query": "q: "}, SIDES)
    after = parts("retrieval", {"query": "q: ", "clustering": "c: "}, {**SIDES, "clustering": "clustering"})
    assert before == after
    assert before["input_types"] == "document=search_document, query=search_query"


def test_what_another_task_puts_before_its_texts_is_a_part() -> None:
    told = parts("clustering", {"query": "q: ", "clustering": "c: "}, {**SIDES, "similarity": "", "clustering": None})
    assert told["task_prompts"] == "clustering='c: ', input type of similarity=''"
    assert parts("clustering", {"query": "q: "}, SIDES)["task_prompts"] == ""
