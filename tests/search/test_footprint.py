"""What a plan says that an index will take is what it takes, and more than memory_gb is refused with what would do."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest

from evalkit.config.compose import compose
from evalkit.errors import UserError
from evalkit.search import Vectors, build, plan
from evalkit.search.engine import Resources
from evalkit.search.engines.footprint import FLOAT_BYTES
from evalkit.system.memory import memory_bytes
from evalkit.tasks.retrieval import grid
from tests.fuzz.rule import ended

DOCUMENTS, DIMS = 3_000, 64
CONFIG = compose(
    "run",
    ["quantization=[float32,float16,int8,int4,binary,int8_rescore,binary_rescore,pq]", "index=[flat,hnsw,ivf]"],
)


@pytest.mark.parametrize("index", CONFIG.index)
@pytest.mark.parametrize("quantization", CONFIG.quantization)
def test_what_an_index_takes_is_foretold(quantization: str, index: str) -> None:
    settings = CONFIG.quantization[quantization], CONFIG.index[index]
    vectors = np.random.default_rng(0).standard_normal((DOCUMENTS, DIMS), dtype=np.float32)
    with build(Vectors(vectors, DIMS), np.arange(DOCUMENTS), *settings) as searcher:
        taken = searcher.built.bytes_per_vector * DOCUMENTS
        sample = searcher.built.training_vectors * DIMS * FLOAT_BYTES
    foretold = plan(DIMS, DOCUMENTS, *settings).held_bytes - sample
    assert taken * 0.95 <= foretold <= taken * 1.3


def test_exact_float32_takes_none_where_it_stays_on_disk() -> None:
    settings = CONFIG.quantization["float32"], CONFIG.index["flat"]
    vectors_bytes = DOCUMENTS * DIMS * FLOAT_BYTES
    held = [plan(DIMS, DOCUMENTS, *settings, Resources(vectors_bytes - less)).held_bytes for less in (0, 1)]
    assert held == [vectors_bytes, 0]


def test_an_index_beyond_memory_gb_is_refused_before_a_text_is_read(
    tiny_run: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grid, "ALWAYS_HELD_BYTES", 0.0)
    too_much = ended([*tiny_run, "quantization=[float32,binary]", "memory_gb=1e-8"])
    too_much.assert_told()
    assert too_much.code == 2
    assert "quantization=binary index=flat dims=32" in too_much.err
    assert "its index takes 0.1 GB of memory, more than memory_gb=1e-08." in too_much.err
    assert "Set memory_gb=0.1," in too_much.err
    assert ended([*tiny_run, "quantization=[float32,binary]", "memory_gb=0.1"]).code == 0


def test_the_memory_that_a_refusal_names_is_enough_for_every_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where more is allowed, finer copies that were on disk are read into memory, and that must fit, too."""
    monkeypatch.setattr(grid, "ALWAYS_HELD_BYTES", 0.0)
    settings = ["quantization=[int8,int8_rescore]", "index=[flat,hnsw]", "memory_gb=1.0"]
    data = [of_documents(20_000_000)]
    with pytest.raises(UserError) as refused:
        grid.check_grid(compose("run", settings), [16], data, 0)
    assert "quantization=int8 index=hnsw dims=16 on many: its index takes" in refused.value.problem
    named = re.search(r"memory_gb=([0-9.]+)", refused.value.hint)
    assert named
    enough = float(named[1])
    grid.check_grid(compose("run", [*settings, f"memory_gb={enough}"]), [16], data, 0)
    with pytest.raises(UserError):
        grid.check_grid(compose("run", [*settings, f"memory_gb={enough - 0.1:.1f}"]), [16], data, 0)


def of_documents(number: int) -> Any:
    """What a grid reads of a corpus: how many texts it has."""
    texts = range(number)
    return SimpleNamespace(chunks=SimpleNamespace(texts=texts), corpus=SimpleNamespace(documents=texts, name="many"))


def test_by_default_an_index_may_take_half_of_what_the_machine_or_its_container_has(tmp_path: Path) -> None:
    ours, none = tmp_path / "memory.max", tmp_path / "limit_in_bytes"
    ours.write_text("4000000000\n")
    none.write_text("max\n")
    assert memory_bytes([ours, none, tmp_path / "missing"]) == 4_000_000_000
    assert memory_bytes([none]) == psutil.virtual_memory().total
    assert compose("run", []).memory_bytes == memory_bytes() / 2
    assert compose("run", ["memory_gb=1.5"]).memory_bytes == 1.5e9
