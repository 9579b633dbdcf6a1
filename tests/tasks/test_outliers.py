"""Outliers as a task: every figure against scikit-learn on the same vectors, and a whole run of a tiny model."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.covariance import LedoitWolf
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score, roc_curve
from sklearn.metrics.pairwise import cosine_distances

from evalkit.__main__ import main
from evalkit.config.compose import compose
from evalkit.corpora import Texts
from evalkit.corpora.uses.outliers import OutlierCorpus
from evalkit.embeddings.passes import no_progress
from evalkit.results.reader import read_run, stored_runs
from evalkit.tasks.items import Judged, Kept
from evalkit.tasks.outliers import Outliers

PLACES = ("inside", "near", "outside", "inside", "inside") * 30


def judged(places: tuple[str, ...], kept: Kept) -> Judged:
    config = compose("run", ["model=wordllama", "task=outliers", "task.outliers.neighbours=7", "corpus=pydoc"])
    known = [f"known {row}" for row in range(len(kept.documents))]
    ids = [f"test-{row}" for row in range(len(places))]
    corpus = OutlierCorpus(
        "made",
        Texts(known, known),
        Texts(ids, ids),
        qrels={},
        excluded={},
        findings=(),
        known=np.arange(len(known)),
        places=places,
    )
    return Outliers(config, config.task["outliers"], no_progress).judge(kept, corpus)


def some_vectors(places: tuple[str, ...]) -> Kept:
    generator = np.random.default_rng(0)
    away = {"inside": 0.0, "near": 0.6, "outside": 1.5}
    offset = np.array([away[place] for place in places])[:, None]
    known = generator.standard_normal((120, 12)) + 2
    texts = generator.standard_normal((len(places), 12)) + 2 - offset * np.arange(12) / 4
    return Kept((3 * known).astype(np.float32), texts.astype(np.float32))


def test_every_figure_is_scikit_learn_s() -> None:
    kept, places = some_vectors(PLACES), np.array(PLACES)
    nearest = np.sort(cosine_distances(kept.queries.astype(float), kept.documents.astype(float)), axis=1)[:, :7]
    distances = {
        "": nearest.mean(axis=1),
        "_mahalanobis": LedoitWolf().fit(kept.documents).mahalanobis(kept.queries),
        "_isolation_forest": -IsolationForest(random_state=42).fit(kept.documents).score_samples(kept.queries),
    }
    found = judged(PLACES, kept)
    for suffix, values in {**distances, "_near": distances[""]}.items():
        counted = places != "outside" if suffix == "_near" else np.full(len(places), True)
        is_outside, values = (places != "inside")[counted], values[counted]
        alarms, recall, _ = roc_curve(is_outside, values, drop_intermediate=False)
        auroc = found.per_item[f"auroc{suffix}"]
        assert auroc.mean() == pytest.approx(roc_auc_score(is_outside, values), abs=1e-6)
        assert 0.5 < auroc.mean() < 1
        assert len(auroc) == len(places)
        assert found.figures[f"fpr_at_95_recall{suffix}"] == pytest.approx(alarms[recall >= 0.95].min())
    assert len({round(values.mean(), 6) for values in found.per_item.values()}) == 4
    decided = found.decisions
    assert decided is not None
    np.testing.assert_array_equal(decided.is_right, places != "inside")
    np.testing.assert_allclose(decided.scores, distances[""], atol=1e-6)
    assert (decided.scores >= decided.threshold)[places != "inside"].mean() == pytest.approx(0.95)
    assert decided.low is not None
    assert decided.high is not None
    assert decided.low <= decided.threshold <= decided.high


def test_without_near_texts_there_is_no_figure_of_theirs() -> None:
    places = tuple("outside" if place == "near" else place for place in PLACES)
    found = judged(places, some_vectors(PLACES))
    assert "auroc_near" not in found.per_item
    assert found.figures["fpr_at_95_recall_near"] is None
    assert found.reasons["auroc_near"] == found.reasons["fpr_at_95_recall_near"] == "no text is said to be near"


def test_a_run_has_points_items_and_thresholds(tiny_run: list[str], tmp_path: Path) -> None:
    (tmp_path / "known.csv").write_text("text\n" + "".join(f"red apple {word}\n" for word in ("tree", "house", "pear")))
    rows = ["red tree,inside", "apple pear,inside", "fish river,outside", "blue stone bird,outside", "cloud,near"]
    (tmp_path / "mixed.csv").write_text("\n".join(["text,where", *rows]))
    settings = [part for part in tiny_run if not part.startswith(("corpus", "top_k", "measures"))]
    table = [f"corpus.table.train={tmp_path / 'known.csv'}", f"corpus.table.test={tmp_path / 'mixed.csv'}"]
    run = ["task=outliers", "corpus=table", *table, "corpus.table.label=where", "quantization=[float32,int8,binary]"]
    assert main([*settings, *run, "dims=[16,32]"]) == 0
    (folder,) = stored_runs(tmp_path / "results")
    stored = read_run(folder)
    assert len(stored.about["points"]) == 6
    for point in stored.about["points"]:
        assert point["task"] == "outliers"
        assert 0 <= point["auroc_near"] <= 1
        assert 0 <= point["fpr_at_95_recall_isolation_forest"] <= 1
        assert point["threshold_low"] <= point["threshold"] <= point["threshold_high"]
        assert "coverage" not in point
    queries = stored.queries()
    assert set(queries["query_id"]) == {f"test-{number}" for number in range(1, 6)}
    assert set(queries.columns) >= {"auroc", "auroc_mahalanobis", "score", "is_right"}
    assert queries.groupby("query_id")["is_right"].first().to_dict() == {
        f"test-{number}": float(number > 2) for number in range(1, 6)
    }
