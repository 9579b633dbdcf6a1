"""Recommendations as a task: every figure against a plain loop over users, and whole runs."""

from math import log2
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.__main__ import main
from evalkit.config.compose import compose
from evalkit.corpora import Texts
from evalkit.corpora.uses.baskets import BasketCorpus, build_baskets
from evalkit.embeddings.passes import no_progress
from evalkit.results.reader import read_run, stored_runs
from evalkit.tasks.items import Judged, Kept
from evalkit.tasks.recommendations import Recommendations

NO_QUERIES = np.empty((0, 6), dtype=np.float32)
CONFIG = compose("run", ["model=wordllama", "task=recommendations", "corpus=pydoc"])


def some_baskets(generator: np.random.Generator, users: int, items: int) -> BasketCorpus:
    ids = [f"item-{row}" for row in range(items)]
    share = np.arange(1, items + 1) / np.arange(1, items + 1).sum()  # the later an item, the more popular
    sizes = generator.integers(2, 8, users)
    baskets = {f"user-{u}": generator.choice(items, n, replace=False, p=share).tolist() for u, n in enumerate(sizes)}
    return build_baskets("made", Texts(ids, ids), baskets, [])


def judged(corpus: BasketCorpus, vectors: np.ndarray) -> Judged:
    task = Recommendations(CONFIG, CONFIG.task["recommendations"], no_progress)
    return task.judge(Kept(vectors, NO_QUERIES), corpus)


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_every_figure_is_that_of_a_loop(seed: int) -> None:
    generator = np.random.default_rng(seed)
    corpus = some_baskets(generator, 12, 40)
    vectors = (generator.standard_normal((40, 6)) * generator.uniform(0.5, 2, (40, 1))).astype(np.float32)
    unit = vectors.astype(float) / np.linalg.norm(vectors, axis=1, keepdims=True)
    taken = [item for history in corpus.histories for item in history.tolist()]
    ranks: dict[str, list[int]] = {"": [], "_item_to_item": [], "_popularity": []}
    recommended: list[int] = []
    for history, last in zip(corpus.histories, corpus.last.tolist(), strict=True):
        query = unit[history].mean(axis=0)
        scores = {
            "": [float(query @ unit[item]) for item in range(40)],
            "_item_to_item": [float(unit[history[-1]] @ unit[item]) for item in range(40)],
            "_popularity": [float(taken.count(item)) for item in range(40)],
        }
        for name, values in scores.items():
            left = [item for item in range(40) if item not in history.tolist()]
            ranking = sorted(left, key=lambda item: (-values[item], item))
            ranks[name].append(ranking.index(last))
            recommended += ranking[:10] if not name else []
    found = judged(corpus, vectors)
    for suffix, places in ranks.items():
        recall = [float(place < 10) for place in places]
        ndcg = [1 / log2(place + 2) if place < 10 else 0.0 for place in places]
        for name, values in (("recall_at_10", recall), ("ndcg_at_10", ndcg)):
            if suffix == "_popularity":
                assert found.figures[f"{name}{suffix}"] == pytest.approx(np.mean(values))
            else:
                np.testing.assert_allclose(found.per_item[f"{name}{suffix}"], values)
    assert found.figures["coverage"] == len(set(recommended)) / 40

    def percentile(item: int) -> float:
        counts = [taken.count(other) for other in range(40)]
        return sum((count < counts[item]) + (count == counts[item]) / 2 for count in counts) / 40

    bias = np.mean([percentile(item) for item in recommended]) - np.mean([percentile(i) for i in corpus.last.tolist()])
    assert found.figures["popularity_bias"] == pytest.approx(bias)


def test_vectors_of_two_kinds_beat_popularity() -> None:
    generator = np.random.default_rng(0)
    ids = [f"item-{row}" for row in range(40)]
    baskets = {
        f"user-{user}": (generator.permutation(8) + 8 * (user % 5)).tolist()[:4] for user in range(60)
    }  # each of one of five kinds
    vectors = np.eye(5, dtype=np.float32)[np.arange(40) // 8]
    found = judged(build_baskets("made", Texts(ids, ids), baskets, []), vectors)
    assert found.per_item["recall_at_10"].mean() == 1
    assert found.per_item["recall_at_10_item_to_item"].mean() == 1
    assert found.figures["recall_at_10_popularity"] < 0.6


def arguments(tiny_run: list[str]) -> list[str]:
    own = [part for part in tiny_run if not part.startswith(("corpus", "top_k", "measures"))]
    return [*own, "task=recommendations", "quantization=[float32,binary]", "dims=[16,32]"]


def test_a_run_has_points_and_users(tiny_run: list[str], tmp_path: Path) -> None:
    words = ["red", "green", "blue", "apple", "pear", "house", "tree", "river", "stone", "cloud", "bird", "fish"]
    (tmp_path / "items.csv").write_text("\n".join(["id,text", *(f"{word},{word}" for word in words)]))
    rows = [f"user {user},{words[(user * step) % 12]}" for step in range(4) for user in (1, 5, 7, 11)]
    (tmp_path / "baskets.csv").write_text("\n".join(["user,item", *rows, "user 1,unheard of"]))
    table = [f"corpus.table.documents={tmp_path / 'items.csv'}", f"corpus.table.baskets={tmp_path / 'baskets.csv'}"]
    run = [*arguments(tiny_run), "corpus=table", *table, "corpus.table.user=user", "corpus.table.item=item"]
    assert main(run) == 0
    (folder,) = stored_runs(tmp_path / "results")
    stored = read_run(folder)
    assert [finding["check"] for finding in stored.about["corpora"][0]["lint"]] == ["unknown_items"]
    assert len(stored.about["points"]) == 4
    for point in stored.about["points"]:
        assert (point["task"], point["queries"]) == ("recommendations", 4)
        assert 0 <= point["ndcg_at_10_item_to_item"] <= point["recall_at_10_item_to_item"] <= 1
        assert 0 < point["coverage"] <= 1
        assert -1 < point["popularity_bias"] < 1
        assert 0 <= point["recall_at_10_popularity"] <= 1
    queries = stored.queries()
    assert set(queries["query_id"]) == {f"user {user}" for user in (1, 5, 7, 11)}
    assert set(queries.columns) >= {
        "recall_at_10",
        "ndcg_at_10",
        "recall_at_10_item_to_item",
        "ndcg_at_10_item_to_item",
    }


def test_judgments_of_a_search_are_made_to_baskets(tiny_run: list[str], tmp_path: Path, shared_data: Path) -> None:
    """Cranfield's queries have several relevant documents each."""
    folder = shared_data / "cranfield"
    run = [*arguments(tiny_run), "corpus=beir", f"corpus.beir.path={folder}", "quantization=float32", "dims=32"]
    assert main(run) == 0
    (stored,) = (read_run(folder) for folder in stored_runs(tmp_path / "results"))
    checks = {finding["check"] for finding in stored.about["corpora"][0]["lint"]}
    assert "made_baskets" in checks
    assert stored.about["points"][0]["queries"] > 100
