"""Duplicates through the whole task, and a run of both new kinds beside retrieval."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evalkit.__main__ import main
from evalkit.config import DuplicatesTask
from evalkit.corpora.texts import Texts
from evalkit.corpora.uses.duplicates import DuplicateCorpus, known, with_made
from evalkit.results.columns import FIGURES
from evalkit.results.task_measures import TASK_MEASURES
from evalkit.tasks.duplicates import NO_THRESHOLD, Duplicates
from evalkit.tasks.items import Judged, Kept

NOBODY = np.empty((0, 16), dtype=np.float32)


def judged(documents: np.ndarray, copies: np.ndarray, corpus: DuplicateCorpus) -> Judged:
    task = object.__new__(Duplicates)
    task.settings = DuplicatesTask()
    return task.judge(Kept(documents.astype(np.float32), copies.astype(np.float32)), corpus)


def pairs_of_documents(pairs: int, noise: float) -> tuple[np.ndarray, DuplicateCorpus]:
    """Two documents each about so many things; every tenth thing is said in the same words twice."""
    generator = np.random.default_rng(0)
    centres = np.repeat(generator.standard_normal((pairs, 16)), 2, axis=0)
    is_exact = np.repeat(np.arange(pairs) % 10 == 0, 2)
    vectors = centres + noise * generator.standard_normal(centres.shape) * ~is_exact[:, None]
    texts = [f"thing {row // 2}" if is_exact[row] else f"thing {row // 2}, said {row}" for row in range(2 * pairs)]
    ids = [f"d{row}" for row in range(2 * pairs)]
    return vectors, known("own", Texts(ids, texts), tuple(f"group {row // 2}" for row in range(2 * pairs)), ())


def test_exact_duplicates_are_those_of_a_set_and_the_threshold_finds_all() -> None:
    vectors, corpus = pairs_of_documents(100, 0.05)
    found = judged(vectors, NOBODY, corpus)
    assert found.figures["exact_duplicates"] == len(corpus.documents) - len(set(corpus.documents.texts)) == 10
    assert found.decisions is not None
    assert found.decisions.threshold is not None
    repeated = [row for row, text in enumerate(corpus.documents.texts) if "said" not in text]
    assert (found.decisions.scores[repeated] >= found.decisions.threshold).all()
    assert found.figures["documents_saved"] == found.figures["groups_found"] == 100


def test_means_of_items_are_the_figures_and_groups_their_clusters() -> None:
    vectors, corpus = pairs_of_documents(40, 0.5)
    found = judged(vectors, NOBODY, corpus)
    assert tuple(found.per_item) == TASK_MEASURES["duplicates"]
    precision, recall = found.figures["f1_precision"], found.figures["f1_recall"]
    assert precision is not None
    assert recall is not None
    assert found.per_item["f1"].mean() == pytest.approx(2 * precision * recall / (precision + recall))
    assert 0 < found.per_item["average_precision"].mean() < 1
    assert found.clusters == corpus.groups
    assert set(found.figures) <= set(FIGURES)


def test_a_copy_that_was_made_is_no_saving() -> None:
    generator = np.random.default_rng(0)
    documents = generator.standard_normal((200, 16))
    documents[1] = documents[0]  # a duplicate of its own
    sayings = [f"Text {max(row, 1)}. It is one of Many." for row in range(200)]
    texts = Texts([f"d{row}" for row in range(200)], sayings)
    corpus = with_made("own", texts, (), made=200, seed=0)
    originals = [corpus.documents.row[id_.rpartition(" (")[0]] for id_ in corpus.queries.ids]
    found = judged(documents, documents[originals] + 0.01, corpus)
    assert (found.figures["groups_found"], found.figures["documents_saved"]) == (1, 1)


def test_without_a_threshold_nothing_is_saved_and_it_is_said_why() -> None:
    vectors, corpus = pairs_of_documents(5, 0.05)
    found = judged(vectors, NOBODY, corpus)
    assert found.figures["documents_saved"] is None
    assert found.reasons["documents_saved"] == found.reasons["threshold"] == NO_THRESHOLD


def test_one_run_of_retrieval_and_duplicates_encodes_no_document_twice(tiny_run: list[str], tmp_path: Path) -> None:
    assert main([*tiny_run, "task=[retrieval,duplicates]", "task.duplicates.made=2"]) == 0
    (points,) = (tmp_path / "results").glob("*/points.parquet")
    table = pd.read_parquet(points)
    assert set(table["task"]) == {"retrieval", "duplicates"}
    of_duplicates = table[table["task"] == "duplicates"]
    assert of_duplicates["corpus"].str.endswith(" with made duplicates").all()
    assert of_duplicates["average_precision"].between(0, 1).all()
    sizes = [len(np.load(file, mmap_mode="r")) for file in (tmp_path / "store").rglob("vectors.npy")]
    assert len(sizes) == 3  # documents once, queries, copies
    assert sizes.count(2) == 1


def test_a_stream_is_run_from_the_command_line(tiny_run: list[str], tmp_path: Path) -> None:
    (tmp_path / "stream.csv").write_text("text,answer\nred,1\ngreen,2\nred,1\nred,1\n", encoding="utf-8")
    own = [argument for argument in tiny_run if not argument.startswith("corpus")]
    asked = ["corpus=table", f"corpus.table.questions={tmp_path / 'stream.csv'}", "corpus.table.answer=answer"]
    assert main([*own, *asked, "task=cache", "quantization=[float32,int8]"]) == 0
    (points,) = (tmp_path / "results").glob("*/points.parquet")
    table = pd.read_parquet(points)
    assert table["nearest_right"].tolist() == [1.0, 1.0]  # both later questions have been asked before
    assert table["hit_rate"].tolist() == [0.0, 0.0]  # of so few, nothing is shown
    assert table["threshold"].isna().all()


@pytest.mark.parametrize(
    "setting",
    ["task.duplicates.precision=1", "task.duplicates.made=0", "task.cache.most_wrong=0", "task.cache.usd_per_call=-1"],
)
def test_a_setting_out_of_range_is_told_in_one_line(
    tiny_run: list[str], setting: str, capsys: pytest.CaptureFixture[str]
) -> None:
    kind = setting.split(".")[1]
    assert main([*tiny_run, f"task={kind}", setting]) == 2
    error = capsys.readouterr().err
    assert setting.split("=")[0] in error
    assert "Traceback" not in error
