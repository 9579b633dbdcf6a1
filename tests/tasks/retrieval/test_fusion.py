"""Reciprocal rank fusion by hand, and the points that it makes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evalkit.__main__ import main
from evalkit.measures.laws import read
from evalkit.measures.ranking import Ranking, tie_order
from evalkit.results.reader import StoredRun, read_run, stored_runs
from evalkit.results.setting import index_label
from evalkit.tasks.retrieval.fusion import fuse

pytest.importorskip("bm25s")


def test_fusion_is_reciprocal_ranks_by_hand() -> None:
    a = Ranking(np.array([[3, 1, 2]]), np.array([[3.0, 2.0, 1.0]], dtype=np.float32))
    b = Ranking(np.array([[1, 0, -1]]), np.array([[9.0, 8.0, -np.inf]], dtype=np.float32))
    found = fuse([a, b], tie_order(["a", "b", "c", "d"]), 5, 60)
    assert found.rows.tolist() == [[1, 3, 0, 2, -1]]
    expected = [1 / 62 + 1 / 61, 1 / 61, 1 / 62, 1 / 63, -np.inf]
    np.testing.assert_allclose(found.scores, [expected], rtol=1e-6)


def test_a_hybrid_point_adds_bytes_and_times_and_fuses_rankings(tiny_run: list[str], tmp_path: Path) -> None:
    tiny_run = [*tiny_run, "at_workload_seconds=0.05"]
    assert main([*tiny_run, "stages=bm25", "dims=[8,32]"]) == 0
    both = read_run(stored_runs(tmp_path / "results")[0])
    assert main(["model=bm25", *(word for word in tiny_run if not word.startswith("model"))]) == 0
    alone = read_run(stored_runs(tmp_path / "results")[1])
    dense, fused_point = both.about["points"][:2]
    (lexical,) = alone.about["points"]
    assert [index_label(p) for p in both.about["points"]] == ["flat", "flat+bm25"] * 2
    assert fused_point["bytes_per_vector"] == dense["bytes_per_vector"] + lexical["bytes_per_vector"]
    assert fused_point["index_bytes"] == dense["index_bytes"] + lexical["index_bytes"]
    assert fused_point["search_peak_rss_bytes"] > 0.9 * dense["search_peak_rss_bytes"]  # of another search
    assert fused_point["documents_per_second"] < dense["documents_per_second"]
    assert fused_point["search_ms_p50"] > dense["search_ms_p50"]
    assert fused_point["nDCG@10"] >= min(dense["nDCG@10"], lexical["nDCG@10"])
    assert fused_point["cost_month_usd"] > dense["cost_month_usd"]
    workload, statistics = both.about["config"]["workload"]["documents"], ("mean", "p50", "p95")
    for name in (f"search_ms_{statistic}" for statistic in statistics):
        laws = [read(point["laws"])[name] for point in (dense, lexical, fused_point)]
        of_dense_ms, _, of_fused_ms = (sum(law.at(workload) for law in each) for each in laws)
        assert of_fused_ms == fused_point[f"{name}_at_workload"] > dense[f"{name}_at_workload"] == of_dense_ms
        assert len(laws[2]) == len(laws[0]) + len(laws[1])
    assert set(fused_point["unmeasured"]) == {name for name, value in fused_point.items() if value is None}

    def lists(run: StoredRun, dims: int | None, stages: str) -> pd.Series:
        rankings = run.rankings()
        is_of_dims = rankings["dims"].isna() if dims is None else rankings["dims"] == dims
        rows = rankings[is_of_dims & (rankings["stages"] == stages)]
        return rows.groupby("query_id")["document_id"].apply(list)

    of_dense, of_bm25, of_both = lists(both, 8, ""), lists(alone, None, ""), lists(both, 8, "bm25")
    for query, found in of_both.items():
        gains: dict[str, float] = {}
        for ranking in (of_dense[query], of_bm25.get(query, [])):
            for rank, document in enumerate(ranking, 1):
                gains[document] = gains.get(document, 0) + 1 / (60 + rank)
        best_first = sorted(gains, key=lambda d: (np.float32(gains[d]), d), reverse=True)[:10]
        assert found == best_first
