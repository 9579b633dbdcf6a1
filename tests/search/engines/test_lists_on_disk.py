"""Inverted lists that stay on disk give what they give in memory, and leave no file behind."""

import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evalkit.arrays import unit_vectors
from evalkit.config import IndexConfig, QuantizationConfig, RescoreConfig
from evalkit.errors import UserError
from evalkit.search import Vectors, build
from evalkit.search.engine import Filter, Resources, plan
from evalkit.search.engines.faiss.lists_on_disk import ListsOnDisk
from evalkit.search.searcher import Searcher

DIMS, DOCUMENTS, K = 32, 4_000, 20
IVF = IndexConfig("IVF16,{quantization}", search={"nprobe": [4]})
GENERATOR = np.random.default_rng(3)
DOCUMENT_VECTORS = unit_vectors(GENERATOR.standard_normal((DOCUMENTS, DIMS)).astype(np.float32))
QUERIES = unit_vectors(GENERATOR.standard_normal((50, DIMS)).astype(np.float32))
CODES = {"Flat": 128, "SQfp16": 64, "SQ8": 32, "SQ4": 16, "RaBitQ": 12, "RaBitQ4": 36, "PQ4np": 4}  # bytes a vector


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def built(codes: str, memory_bytes: float = float("inf"), rescore: RescoreConfig | None = None) -> Searcher:
    quantization = QuantizationConfig(codes, rescore=rescore)
    searcher = build(Vectors(DOCUMENT_VECTORS, DIMS), np.arange(DOCUMENTS), quantization, IVF, memory_bytes)
    searcher.index.set({"nprobe": 4})
    return searcher


def room(codes: str) -> float:
    """Memory for half of the index."""
    return DOCUMENTS * (CODES[codes] + 8) / 2


@pytest.mark.parametrize("codes", CODES)
def test_lists_on_disk_give_what_they_give_in_memory(codes: str, folder: Path) -> None:
    in_memory, on_disk = built(codes), built(codes, room(codes))
    expected, found = (searcher.index.search(QUERIES, K) for searcher in (in_memory, on_disk))
    assert found.rows.tobytes() == expected.rows.tobytes()
    assert found.scores.tobytes() == expected.scores.tobytes()
    assert on_disk.index.facts().proof["lists"] == "OnDiskInvertedLists"
    assert on_disk.on_disk
    assert not in_memory.on_disk
    assert on_disk.built.index_bytes == in_memory.built.index_bytes
    assert on_disk.built.bytes_per_vector == in_memory.built.bytes_per_vector
    assert list(folder.iterdir()) == []


def test_filters_and_finer_copies_are_the_same(folder: Path) -> None:
    rescore = RescoreConfig("int8", [5])
    in_memory, on_disk = built("SQ4", rescore=rescore), built("SQ4", room("SQ4"), rescore)
    keep = Filter("label", 1, np.arange(0, DOCUMENTS, 3))
    filtered = [searcher.index.search(QUERIES, K, keep).rows.tobytes() for searcher in (in_memory, on_disk)]
    refined = [searcher.rank(QUERIES, K).rows.tobytes() for searcher in (in_memory, on_disk)]
    assert filtered[0] == filtered[1]
    assert refined[0] == refined[1]


def test_no_more_than_a_part_is_ever_in_memory(folder: Path) -> None:
    most = []

    class Counted(ListsOnDisk):
        def write_part(self) -> None:
            most.append(self.index.ntotal)
            super().write_part()

    import faiss

    index = faiss.index_factory(DIMS, "IVF16,SQ8", faiss.METRIC_INNER_PRODUCT)
    index.train(DOCUMENT_VECTORS)
    lists = Counted(index, 1_000 * (DIMS + 8))
    lists.reserve(DOCUMENTS)
    for first in range(0, DOCUMENTS, 700):
        lists.add(DOCUMENT_VECTORS[first : first + 700])
    lists.finish()
    assert max(most) <= 1_000
    assert sum(most) == index.ntotal == DOCUMENTS


@pytest.mark.parametrize(("codes", "template"), [("SQ8", "HNSW16,{quantization}"), ("PQ4x4fs", "IVF16,{quantization}")])
def test_graphs_and_fast_scan_codes_are_planned_in_memory(codes: str, template: str) -> None:
    planned = plan(DIMS, 10**6, QuantizationConfig(codes), IndexConfig(template), Resources(1e6))
    assert not planned.on_disk
    assert planned.held_bytes > 1e6
    merged = plan(DIMS, 10**6, QuantizationConfig("SQ8"), replace(IVF, search={}), Resources(30e6))
    assert merged.on_disk
    assert merged.held_bytes < 30e6


def test_a_full_disk_is_told_in_one_line_and_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "none"))
    with pytest.raises(UserError, match=r"the lists of an index can't be written to .*none"):
        built("SQ8", room("SQ8"))
    assert list(folder.iterdir()) == []


KILLED = """
import os, signal
from tests.search.engines import test_lists_on_disk as test
test.ListsOnDisk.finish = lambda lists: os.kill(os.getpid(), signal.SIGKILL)
test.built("SQ8", test.room("SQ8"))
"""


def test_what_a_kill_leaves_is_removed_by_the_next_index(folder: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", KILLED], env=environment, check=False).returncode == -signal.SIGKILL
    assert list(folder.glob(".evalkit-*"))
    built("SQ8", room("SQ8"))
    assert list(folder.iterdir()) == []
