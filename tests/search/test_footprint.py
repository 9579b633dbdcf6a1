"""What a plan says that an index will take is what it takes, and more than memory_gb is refused with what would do."""

import numpy as np
import pytest

from evalkit.config.compose import compose
from evalkit.search import Vectors, build, plan
from evalkit.search.engine import Resources
from evalkit.search.engines.footprint import FLOAT_BYTES
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
