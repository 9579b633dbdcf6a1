"""Block by block, a matrix on disk gives what the whole of it in memory gives."""

import os
from pathlib import Path

import faiss
import numpy as np
import pytest

from evalkit.config import IndexConfig, QuantizationConfig, RescoreConfig
from evalkit.measures import memory
from evalkit.measures.memory import PeakMemory
from evalkit.measures.ranking import tie_order
from evalkit.search import Vectors, build, cut
from evalkit.search.engine import Filter
from evalkit.search.engines.faiss.exact import StoredFlatIndex
from evalkit.search.engines.in_process import faiss_threads
from evalkit.vectors import matrix as matrix_module
from evalkit.vectors.stored import open_npy

FLAT = IndexConfig("{quantization}")


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix_module, "BLOCK_BYTES", 70 * 24 * 4)  # 70 rows


def stored(tmp_path: Path, rows: int = 500, dtype: type = np.float32) -> np.ndarray:
    matrix: np.ndarray = np.random.default_rng(0).normal(size=(rows, 24)).astype(dtype)
    np.save(tmp_path / "vectors.npy", matrix)
    return open_npy(tmp_path / "vectors.npy")


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("dims", [24, 8])
def test_blocks_are_the_cut_matrix_in_pieces(tmp_path: Path, dims: int, dtype: type) -> None:
    matrix = stored(tmp_path, dtype=dtype)
    for source in (matrix, np.array(matrix)):
        blocks = [(first, block.copy()) for first, block in Vectors(source, dims).blocks()]
        assert [first for first, _ in blocks] == [0, 70, 140, 210, 280, 350, 420, 490]
        np.testing.assert_array_equal(np.vstack([block for _, block in blocks]), cut(matrix, dims))
    rows = np.array([[3, 499], [3, 0]])
    np.testing.assert_array_equal(Vectors(matrix, dims).take(rows), cut(matrix, dims)[rows])


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("dims", [24, 8])
def test_blocks_are_the_same_to_the_bit_however_many_threads_read_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dims: int, dtype: type, threads: int
) -> None:
    monkeypatch.setattr(matrix_module, "PIECE_BYTES", 3 * 24 * 4)
    matrix = stored(tmp_path, dtype=dtype)
    for source in (matrix, np.array(matrix)):
        with faiss_threads(threads):
            blocks = [block.copy() for _, block in Vectors(source, dims).blocks()]
        np.testing.assert_array_equal(np.vstack(blocks), cut(np.array(matrix), dims))


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("dims", [24, 8])
@pytest.mark.parametrize("passing", [None, np.arange(0, 5000, 7), np.array([4999]), np.arange(2048, 3072)])
@pytest.mark.parametrize("asked", [5, 50])  # FAISS multiplies matrices from 20 queries on
def test_scores_by_blocks_are_those_of_faiss_in_memory_to_the_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dims: int, dtype: type, passing: np.ndarray | None, asked: int
) -> None:
    """Every tenth vector is there twice, so that scores tie."""
    monkeypatch.setattr(matrix_module, "BLOCK_BYTES", 1500 * 24 * 4)  # that is 1,024 rows
    matrix = stored(tmp_path, 5000, dtype)
    twice = np.array(matrix)
    twice[1::10] = twice[::10]
    np.save(tmp_path / "twice.npy", twice)
    documents = Vectors(open_npy(tmp_path / "twice.npy"), dims)
    queries = cut(np.random.default_rng(1).normal(size=(asked, 24)).astype(np.float32), dims)
    rows = np.arange(5000) if passing is None else passing
    whole = faiss.IndexFlatIP(dims)
    whole.add(cut(twice, dims)[rows])
    for k in (1, 100, 6000):
        keep = None if passing is None else Filter("half", 1, passing)
        scores, found = StoredFlatIndex(documents).search(queries, k, keep)
        expected, places = whole.search(queries, k)
        if passing is None:
            np.testing.assert_array_equal(scores, expected)
        np.testing.assert_allclose(scores, expected, atol=1e-6)
        at_hand = min(k, len(rows))
        assert (found[:, at_hand:] == -1).all()
        assert all(len(set(row)) == at_hand for row in found[:, :at_hand])
        exact = np.einsum("qd,qkd->qk", queries, cut(twice, dims)[found[:, :at_hand]])
        np.testing.assert_allclose(exact, scores[:, :at_hand], atol=1e-6)
        assert set(found[:, :at_hand].ravel()) <= set(rows)
        if k == 6000:
            assert (np.sort(found[:, :at_hand]) == rows).all()
            assert (np.sort(rows[places[:, :at_hand]]) == rows).all()


def test_a_block_is_read_while_the_one_before_is_in_use_and_none_behind_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int, int]] = []
    monkeypatch.setattr(os, "posix_fadvise", lambda file, place, length, advice: asked.append((place, length, advice)))
    matrix = stored(tmp_path, 200)
    assert [first for first, _ in Vectors(matrix, 8).blocks()] == [0, 70, 140]
    row_bytes = 24 * 4
    expected = [(matrix.offset + first * row_bytes, 70 * row_bytes, os.POSIX_FADV_WILLNEED) for first in (70, 140)]
    assert asked == expected


@pytest.mark.parametrize("dims", [24, 8])
@pytest.mark.parametrize("k", [1, 10, 499, 600])
@pytest.mark.parametrize("rescore", [None, RescoreConfig("float32", 3)])
def test_search_from_disk_equals_search_in_memory(
    tmp_path: Path, dims: int, k: int, rescore: RescoreConfig | None
) -> None:
    documents = Vectors(stored(tmp_path), dims)
    queries = cut(np.random.default_rng(1).normal(size=(7, 24)).astype(np.float32), dims)
    place = tie_order([str(i) for i in range(500)])
    quantization = QuantizationConfig("SQ8" if rescore else "Flat", rescore)
    in_memory = build(documents, place, quantization, FLAT)
    on_disk = build(documents, place, quantization, FLAT, memory_bytes=0)
    assert (in_memory.on_disk, on_disk.on_disk) == (False, rescore is None)
    assert on_disk.built.bytes_per_vector == in_memory.built.bytes_per_vector
    expected, found = in_memory.rank(queries, k), on_disk.rank(queries, k)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-6)
    assert (found.rows == expected.rows).mean() > 0.99


def test_quantizers_see_a_seeded_sample_of_a_large_matrix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix_module, "TRAINING_ROWS", 50)
    monkeypatch.setattr(matrix_module, "TAKEN_ROWS", 7)
    documents = Vectors(stored(tmp_path), 24)
    sample = documents.sample()
    assert sample.shape == (50, 24)
    np.testing.assert_array_equal(sample, documents.sample())
    whole = {row.tobytes() for row in cut(documents.matrix, 24)}
    assert len({row.tobytes() for row in sample} & whole) == 50


@pytest.mark.parametrize("dims", [24, 8])
def test_a_sample_of_few_vectors_is_all_of_them(tmp_path: Path, dims: int) -> None:
    matrix = stored(tmp_path, dtype=np.float16)
    np.testing.assert_array_equal(Vectors(matrix, dims).sample(), cut(np.array(matrix), dims))


def test_a_file_that_is_cut_short_is_an_error_not_a_result(tmp_path: Path) -> None:
    matrix = stored(tmp_path)
    with (tmp_path / "vectors.npy").open("r+b") as file:
        file.truncate(1000)
    with pytest.raises(OSError, match="ends before row"):
        list(Vectors(matrix, 24).blocks())


@pytest.mark.skipif(not memory.CLEAR_REFS.exists(), reason="peak memory is read from /proc")
def test_trap_22_memory_does_not_grow_with_the_matrix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix_module, "BLOCK_BYTES", 4 * 2**20)
    np.save(tmp_path / "large.npy", np.random.default_rng(0).random((400_000, 64), dtype=np.float32))  # 102 MB
    documents = Vectors(open_npy(tmp_path / "large.npy"), 64)
    queries = documents.take(np.arange(5))
    searcher = build(documents, np.arange(400_000), QuantizationConfig("Flat"), FLAT, memory_bytes=0)
    searcher.rank(queries, 10)
    with PeakMemory() as before:
        pass
    with PeakMemory() as during:
        searcher.rank(queries, 10)
    assert before.peak_rss_bytes is not None
    assert during.peak_rss_bytes is not None
    assert during.peak_rss_bytes - before.peak_rss_bytes < 30 * 2**20


@pytest.mark.skipif(not memory.CLEAR_REFS.exists(), reason="peak memory is read from /proc")
@pytest.mark.parametrize("fragment", ["Flat", "SQfp16", "SQ8", "RaBitQ"])
def test_building_takes_little_more_than_the_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fragment: str
) -> None:
    """FAISS by itself grows by copying: float16 took 1.8 times its index."""
    monkeypatch.setattr(matrix_module, "BLOCK_BYTES", 2**20)
    monkeypatch.setattr(matrix_module, "TRAINING_ROWS", 10_000)
    rows, dims = 150_000, 128
    np.save(tmp_path / "large.npy", np.random.default_rng(0).random((rows, dims), dtype=np.float32))
    documents, place = Vectors(open_npy(tmp_path / "large.npy"), dims), np.arange(rows)
    build(Vectors(documents.matrix[:1000], dims), place[:1000], QuantizationConfig(fragment), FLAT)
    with PeakMemory() as before:
        pass
    with PeakMemory() as during:
        built = build(documents, place, QuantizationConfig(fragment), FLAT).built
    assert before.peak_rss_bytes is not None
    assert during.peak_rss_bytes is not None
    assert built.index_bytes is not None
    training = 3 * 10_000 * dims * 4 if built.training_vectors else 0  # FAISS turns a copy of the sample round
    assert during.peak_rss_bytes - before.peak_rss_bytes < 1.2 * built.index_bytes + training + 8 * 2**20
