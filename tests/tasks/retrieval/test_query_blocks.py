"""Queries are ranked, judged and written in blocks: the same figures and rankings, in the memory of one block."""

import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from evalkit.__main__ import main
from evalkit.corpora import Texts
from evalkit.measures import ranking as rankings
from evalkit.measures.quality import Judge, parse_measures
from evalkit.measures.ranking import Ranking
from evalkit.results import writer
from evalkit.results.reader import read_run, stored_runs
from evalkit.tasks.retrieval import lexical, searchers
from evalkit.tasks.retrieval.points import RankingsById

GRIDS = {
    "vectors": ["quantization=[float32,binary_rescore]", "index=[flat,hnsw]", "dims=[8,32]"],
    "chunks": ["chunking=tokens", "chunking.size=3"],
    "bm25": ["model=bm25"],
}


@pytest.mark.parametrize("grid", GRIDS)
def test_a_run_is_the_same_however_few_queries_are_looked_at_together(
    grid: str, tiny_run: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = [word for word in tiny_run if grid != "bm25" or not word.startswith(("model", "chunking"))]
    assert main([*run, *GRIDS[grid], "at_workload_seconds=0"]) == 0
    monkeypatch.setattr(rankings.blocks, "__defaults__", (2,))
    monkeypatch.setattr(lexical, "QUERIES_AT_ONCE", 2)
    monkeypatch.setattr(writer, "QUERIES_AT_ONCE", 2)
    monkeypatch.setattr(searchers, "LEAST_QUERIES", 2)
    monkeypatch.setattr(searchers, "CANDIDATE_BYTES", 1e12)
    assert main([*run, *GRIDS[grid], "at_workload_seconds=0"]) == 0
    together, in_blocks = (read_run(folder) for folder in stored_runs(tmp_path / "results"))
    pd.testing.assert_frame_equal(together.rankings(), in_blocks.rankings())
    measured = ["nDCG@10", "R@10", "RR@10", "overlap@10"]
    pd.testing.assert_frame_equal(together.points()[measured], in_blocks.points()[measured])
    pd.testing.assert_frame_equal(together.queries(), in_blocks.queries())


def test_judging_holds_the_lists_of_one_block(monkeypatch: pytest.MonkeyPatch) -> None:
    queries, depth, documents = 4_000, 100, 5_000
    monkeypatch.setattr(rankings.blocks, "__defaults__", (100,))
    ids = [f"document-{number}" for number in range(documents)]
    names = [f"query-{number}" for number in range(queries)]
    rows = np.random.default_rng(0).permuted(np.tile(np.arange(documents)[:200], (queries, 1)), axis=1)[:, :depth]
    judge = Judge(parse_measures(["RR@100"], 100), {name: {ids[rows[i, i % depth]]: 1} for i, name in enumerate(names)})
    corpus = SimpleNamespace(documents=Texts(ids, ids), queries=Texts(names, names))
    ranking = RankingsById(Ranking(rows, np.zeros(rows.shape, dtype=np.float32)), corpus)  # type: ignore[arg-type]
    tracemalloc.start()
    try:
        found = judge.score(ranking)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    np.testing.assert_allclose(found.per_query["RR@100"], [1 / (i % depth + 1) for i in range(queries)])
    assert peak < 10e6  # the lists and scores of all of them are more than 40 MB
