"""Block by block, a matrix on disk gives what the whole of it in memory gives."""

from pathlib import Path

import numpy as np
import pytest

from evalkit.config import IndexConfig, QuantizationConfig, RescoreConfig
from evalkit.measures import memory
from evalkit.measures.memory import PeakMemory
from evalkit.measures.ranking import tie_order
from evalkit.search import Vectors, build, cut
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
    documents = Vectors(stored(tmp_path), 24)
    sample = documents.sample()
    assert sample.shape == (50, 24)
    np.testing.assert_array_equal(sample, documents.sample())
    whole = {row.tobytes() for row in cut(documents.matrix, 24)}
    assert len({row.tobytes() for row in sample} & whole) == 50


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
