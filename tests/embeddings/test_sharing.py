"""Pruning disturbs nobody: what is read elsewhere stays, what this process reads is read to its end."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from evalkit.__main__ import main
from evalkit.corpora.corpus import Corpus
from evalkit.embeddings import EmbeddingStore, embed
from evalkit.embeddings.budgets import texts_ahead
from evalkit.embeddings.inventory import inventory
from evalkit.embeddings.pruning import prune
from evalkit.search import Vectors, cut
from tests.embeddings.forks import at_work, ended, forked
from tests.embeddings.test_passes import CORPUS_SIZE, DIMS, CountingEncoder, make_corpus

ROWS = np.arange(CORPUS_SIZE)
ROUNDS = 12


@pytest.fixture
def corpus() -> Corpus:
    return make_corpus()


@pytest.fixture
def expected(corpus: Corpus) -> np.ndarray:
    """The documents' vectors as the encoder gives them, of unit length."""
    return cut(CountingEncoder().encode(list(corpus.documents.texts), "document").vectors, DIMS)


def read(store: Path, corpus: Corpus) -> Vectors:
    made = embed(EmbeddingStore(str(store), 4), CountingEncoder(), corpus, 0, timing_seconds=0)
    return Vectors(made.documents.vectors, DIMS)


def check(vectors: Vectors, expected: np.ndarray) -> None:
    """By every way in which a matrix is read again."""
    np.testing.assert_array_equal(vectors.take(ROWS), expected)
    np.testing.assert_array_equal(vectors.sample(), expected)
    for first, block in vectors.blocks():
        np.testing.assert_array_equal(block, expected[first : first + len(block)])


def test_what_this_process_removes_it_reads_to_the_end(tmp_path: Path, corpus: Corpus, expected: np.ndarray) -> None:
    vectors = read(tmp_path, corpus)
    assert len(prune(EmbeddingStore(str(tmp_path)), max_bytes=0).removed) == 2
    assert list(tmp_path.glob("*/vectors.npy")) == []
    check(vectors, expected)


def test_what_is_set_aside_is_read_to_its_end(tmp_path: Path, corpus: Corpus, expected: np.ndarray) -> None:
    vectors = read(tmp_path, corpus)
    for file in tmp_path.glob("*/shards.jsonl"):
        file.write_text("")
    again = read(tmp_path, corpus)
    assert len(list(tmp_path.glob("*.damaged-1"))) == 2
    check(vectors, expected)
    check(again, expected)


def test_what_another_process_reads_stays_until_it_ends(
    tmp_path: Path, corpus: Corpus, expected: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    def reading(wait: Callable[[], None]) -> None:
        vectors = read(tmp_path, corpus)
        wait()
        check(vectors, expected)

    with at_work(reading):
        (documents,) = (item for item in inventory(EmbeddingStore(str(tmp_path))) if item.texts == CORPUS_SIZE)
        assert main(["store", f"path={tmp_path}", "max_gb=0"]) == 0
        told = capsys.readouterr().err
        assert f"1 entry stays ({documents.size_bytes:,} bytes): in use by other processes\n" in told
        assert [item.name for item in inventory(EmbeddingStore(str(tmp_path)))] == [documents.name]
    assert main(["store", f"path={tmp_path}", "max_gb=0"]) == 0
    assert inventory(EmbeddingStore(str(tmp_path))) == []


def test_what_an_estimate_leaves_out_stays_until_the_run_ends(tmp_path: Path, corpus: Corpus) -> None:
    def estimating(wait: Callable[[], None]) -> None:
        store = EmbeddingStore(str(tmp_path), 4)
        assert texts_ahead(store, CountingEncoder(), "document", corpus.documents, 0) is None
        wait()

    read(tmp_path, corpus)
    with at_work(estimating):
        pruned = prune(EmbeddingStore(str(tmp_path)), max_bytes=0)
        assert [item.texts for item in pruned.in_use] == [CORPUS_SIZE]
    encoder = CountingEncoder()
    embed(EmbeddingStore(str(tmp_path), 4), encoder, corpus, 0, timing_seconds=0)
    assert encoder.encoded == list(corpus.queries.texts)


def test_a_read_matrix_is_free_again_once_it_is_let_go(tmp_path: Path, corpus: Corpus) -> None:
    read(tmp_path, corpus)  # and nobody holds it

    def emptied() -> None:
        assert prune(EmbeddingStore(str(tmp_path)), max_bytes=0).in_use == ()

    assert ended(forked(emptied)) == 0
    assert inventory(EmbeddingStore(str(tmp_path))) == []


def test_runs_beside_a_process_that_prunes_have_the_right_figures(
    tmp_path: Path, corpus: Corpus, expected: np.ndarray
) -> None:
    def run() -> None:
        for _ in range(ROUNDS):
            check(read(tmp_path, corpus), expected)

    def run_in_threads() -> None:
        wrong: list[BaseException] = []

        def one() -> None:
            try:
                run()
            except BaseException as error:
                wrong.append(error)

        threads = [threading.Thread(target=one) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []

    runs = [forked(run), forked(run), forked(run_in_threads)]
    removed = 0
    while any(process.exitcode is None for process in runs):
        removed += len(prune(EmbeddingStore(str(tmp_path)), max_bytes=0).removed)
        for process in runs:
            process.join(0)
    assert [ended(process) for process in runs] == [0, 0, 0]
    assert removed > 0
