"""Points of vectors: what a later stage is given."""

from types import SimpleNamespace
from typing import Any

import pytest

from evalkit import vector_points
from evalkit.config import RunConfig
from evalkit.tasks.retrieval.vectors import Subject, with_stages


def test_a_stage_is_given_a_search_for_as_many_as_it_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Served are 10; a reranker reads 50, fusion all of top_k."""
    monkeypatch.setattr(vector_points, "fused", lambda contest, found, lexical: f"fused({found}, {lexical})")
    reranking: Any = SimpleNamespace(
        config=SimpleNamespace(depth=50), apply=lambda contest, found: f"reranked({found})"
    )
    contest: Any = SimpleNamespace(config=RunConfig(top_k=200))
    nothing: Any = None
    lexical: Any = "bm25"
    subject = Subject(contest, nothing, nothing, lexical, reranking, nothing)
    asked: Any = lambda k: f"search for {k}"  # noqa: E731
    assert list(with_stages(subject, asked)) == [
        "search for 10",
        "reranked(search for 50)",
        "fused(search for 200, bm25)",
        "reranked(fused(search for 200, bm25))",
    ]
