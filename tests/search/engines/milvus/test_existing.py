"""A collection of the user's own is searched and never changed; another model's is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evalkit.errors import UserError
from evalkit.search import cut
from tests.search.engines.contract import ASKED, DIMS, IDS, LABELS, MATRIX, QUANTIZATIONS, K, best_by_numpy, overlap
from tests.search.engines.milvus.collections import CONTRACT, client_of, digests, fill, index_config, opened

NOISY = cut(MATRIX + 0.003 * np.random.default_rng(8).normal(size=MATRIX.shape).astype(np.float32), DIMS)
OTHER = cut(np.random.default_rng(77).normal(size=MATRIX.shape).astype(np.float32), DIMS)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("milvus") / "mine.db"
    with client_of(folder) as client:
        fill(client, "docs")
        fill(client, "exact", "FLAT", "L2")
        fill(client, "by_cosine", "HNSW_SQ", "COSINE")
        fill(client, "other_model", matrix=OTHER)
        fill(client, "fewer", matrix=MATRIX[:600])
        fill(client, "noisy", matrix=NOISY)
        fill(client, "noisy_codes", "HNSW_SQ", matrix=NOISY)
        fill(client, "long", "FLAT", "L2", matrix=NOISY * np.linspace(0.5, 20, len(NOISY), dtype=np.float32)[:, None])
    return folder


def test_it_is_searched_by_its_own_ids_and_left_as_it_was(database: Path) -> None:
    before = digests(database)
    there = {"url": str(database), "table": "docs", "id_column": "name", "vector_column": "embedding"}
    with opened(index_config("milvus_hnsw", **there)) as index:
        found = index.search(ASKED, K)
        facts = index.facts()
    assert overlap(found.rows, best_by_numpy(K)) >= 0.95
    np.testing.assert_allclose(found.scores, np.take_along_axis(ASKED @ MATRIX.T, found.rows, axis=1), atol=2e-6)
    assert facts.contract == CONTRACT
    assert facts.unproven == ""
    assert facts.reasons["build_seconds"]
    assert digests(database) == before


def test_columns_go_without_saying_where_there_is_one(database: Path) -> None:
    with opened(index_config("milvus_flat", url=str(database), table="exact")) as index:
        found = index.search(ASKED, K)
        assert index.metric == "l2"
    assert found.rows.tolist() == best_by_numpy(K).tolist()


def test_cosine_scores_are_inner_products_and_codes_are_proven(database: Path) -> None:
    config = index_config("milvus_hnsw", url=str(database), table="by_cosine")
    with opened(config, QUANTIZATIONS["int8"]) as index:
        scores = index.search(ASKED, K).scores
        facts = index.facts()
    exact = np.sort(ASKED @ MATRIX.T, axis=1)[:, ::-1][:, :K]
    np.testing.assert_allclose(scores, exact, atol=0.02)
    assert facts.unproven == ""


@pytest.mark.parametrize(
    ("table", "name", "quantization"),
    [("noisy", "milvus_hnsw", "float32"), ("noisy_codes", "milvus_hnsw", "int8"), ("long", "milvus_flat", "float32")],
)
def test_codes_are_proven_by_the_vectors_that_the_collection_has_itself(
    table: str, name: str, quantization: str, database: Path
) -> None:
    """They are much like this model's, not the same: that alone makes other scores, whatever is searched."""
    config = index_config(name, url=str(database), table=table)
    with opened(config, QUANTIZATIONS[quantization]) as index:
        assert index.facts().unproven == ""
        assert (index.difference > 1e-4) == (quantization == "int8")
        index.kind = replace(index.kind, name="HNSW_SQ" if quantization == "float32" else "HNSW")
        told = index.facts().unproven
    if quantization == "float32":
        assert told == "scores of HNSW_SQ are those of float32 vectors: its codes are not in use"
    else:
        assert told.startswith("scores of HNSW are 0.0")


@pytest.mark.parametrize(
    ("index", "settings", "said"),
    [
        ("milvus_hnsw", {"table": "dcos"}, "Did you mean 'docs'?"),
        ("milvus_hnsw", {"table": "docs", "id_column": "nane"}, "Did you mean 'name'?"),
        ("milvus_hnsw", {"table": "docs", "vector_column": "embeding"}, "Did you mean 'embedding'?"),
        ("milvus_hnsw", {"table": "docs", "id_column": "number"}, "more than once"),
        ("milvus_flat", {"table": "docs"}, "is searched by HNSW, not by FLAT"),
        ("milvus_hnsw", {"table": "other_model"}, "vectors of another model"),
        ("milvus_hnsw", {"table": "fewer"}, "lacks 100 of 700 documents"),
    ],
)
def test_what_is_another_is_refused(database: Path, index: str, settings: dict[str, str], said: str) -> None:
    config = index_config(index, url=str(database), **settings)
    with pytest.raises(UserError) as refusal, opened(config):
        pass
    assert said in refusal.value.sentences


def test_other_dims_are_refused_before_anything_is_encoded(database: Path) -> None:
    from evalkit.search import plan

    config = index_config("milvus_hnsw", url=str(database), table="docs")
    with pytest.raises(UserError, match="vectors of 48 dims, not 64"):
        plan(64, len(IDS), QUANTIZATIONS["float32"], config)


def test_what_a_folder_holds_is_in_this_process(database: Path) -> None:
    from evalkit.search import plan

    config = index_config("milvus_hnsw", url=str(database), table="docs")
    assert plan(DIMS, len(IDS), QUANTIZATIONS["float32"], config).held_bytes >= len(IDS) * DIMS * 4


def test_it_has_no_labels_to_filter_by(database: Path) -> None:
    from evalkit.search.engine import Filter

    keep = Filter("half", 1, np.flatnonzero(LABELS["half"] == 1))
    with (
        opened(index_config("milvus_hnsw", url=str(database), table="docs")) as index,
        pytest.raises(UserError, match="no labels"),
    ):
        index.search(ASKED, K, keep)
