"""A collection that is there already, in a stub of Qdrant's server: searched as it is, and never changed."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from qdrant_client import models
from qdrant_client.models import Distance, VectorParams

from evalkit.config import IndexConfig
from evalkit.errors import UserError
from evalkit.search import Vectors, build, cut, plan
from evalkit.search.engine import Filter, Payload
from evalkit.search.engines.there_already import MOST_CONTRACT, sampled_rows
from tests.search.engines import contract
from tests.search.engines.contract import (
    ASKED,
    DIMS,
    DOCUMENTS,
    IDS,
    MATRIX,
    PLACE,
    QUANTIZATIONS,
    K,
    best_by_numpy,
)
from tests.search.engines.qdrant_answers import ANSWERS
from tests.search.engines.qdrant_stub import Fault, Stub, running
from tests.search.engines.test_qdrant_server import config, filled, refusal


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    monkeypatch.delenv("QDRANT_API_KEY", raising=False)
    with running(Stub()) as server:
        yield server


def made(stub: Stub, vector: str = "", matrix: np.ndarray = MATRIX, ids: Any = None, **created: Any) -> None:
    """The collection ``mine``, filled by its owner: ids of points are neither rows nor in their order."""
    params = VectorParams(size=matrix.shape[1], distance=created.pop("distance", Distance.COSINE))
    stub.create("mine", models.CreateCollection(vectors={vector: params} if vector else params, **created))
    held = stub.collections["mine"]
    rows = np.random.default_rng(5).permutation(len(matrix)).tolist()
    points = {
        "ids": [10 + row for row in rows] if ids is None else [ids[row] for row in rows],
        "vectors": {vector: matrix[rows].tolist()} if vector else matrix[rows].tolist(),
        "payloads": [{"doc": IDS[row]} for row in rows],
    }
    stub.answer("PUT", "/collections/mine/points", {"batch": points})
    held.shard.optimize()


GRAPH = models.HnswConfigDiff(full_scan_threshold=10)
CONTRACT = {"evalkit_contract": 1, "model": "minilm"}


def mine(stub: Stub, name: str = "qdrant_hnsw", **changed: Any) -> IndexConfig:
    return config(stub, name, **{"table": "mine", "id_column": "doc", **changed})


@pytest.mark.parametrize("vector", ["", "text"])
def test_a_collection_that_is_there_is_searched_and_never_changed(stub: Stub, vector: str) -> None:
    made(stub, vector, hnsw_config=GRAPH, metadata={**CONTRACT, "team": "search"})
    asked_before = len(stub.requests)
    with filled(mine(stub, vector_column=vector or None)) as searcher:
        found = searcher.find(ASKED, K)
        facts, built = searcher.index.facts(), searcher.built
    assert contract.overlap(found.rows, best_by_numpy(K)) > 0.98
    assert np.isnan(built.seconds)
    assert facts.contract == {**CONTRACT, "team": "search"}
    assert facts.unproven == ""
    changing = [(verb, path) for verb, path, *_ in stub.requests[asked_before:] if verb not in ("GET", "POST")]
    assert changing == []
    assert {path.rpartition("mine")[2] for verb, path, *_ in stub.requests if verb == "POST"} == {
        "/points",
        "/points/count",
        "/points/query",
        "/points/scroll",
    }
    assert list(stub.collections) == ["mine"]


def test_vectors_that_are_much_like_the_models_are_measured_as_they_are(stub: Stub) -> None:
    """Filled by another runtime, a collection has other last digits; what its graph is asks nobody about them."""
    noise = 0.003 * np.random.default_rng(8).normal(size=MATRIX.shape)
    made(stub, matrix=cut(MATRIX + noise, DIMS).astype(np.float32), hnsw_config=GRAPH)
    with filled(mine(stub)) as searcher:
        facts = searcher.index.facts()
    assert facts.unproven == ""
    assert "collection" not in facts.proof  # of which options it was built with, evalkit knows no more than its m
    assert "hnsw, m=16" in facts.proof["index"]


def test_exact_search_of_a_collection_that_is_there_is_numpys(stub: Stub) -> None:
    made(stub, hnsw_config=GRAPH)
    with filled(mine(stub, "qdrant_exact")) as searcher:
        assert searcher.rank(ASKED, K).rows.tolist() == best_by_numpy(K).tolist()


def test_the_ids_of_points_may_be_those_of_documents(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalkit.search.engines.qdrant.existing.PAGE", 99)
    ids = [f"{row:08x}-0000-4000-8000-000000000000" for row in range(DOCUMENTS)]
    made(stub, ids=ids, hnsw_config=GRAPH)
    index = mine(stub, "qdrant_exact", id_column=None)
    with build(Vectors(MATRIX, DIMS), PLACE, QUANTIZATIONS["float32"], index, payload=Payload(ids)) as searcher:
        assert searcher.rank(ASKED, K).rows.tolist() == best_by_numpy(K).tolist()


def test_codes_of_a_collection_that_is_there_are_searched_and_re_ordered(stub: Stub) -> None:
    quantization = models.ScalarQuantization(scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8))
    made(stub, hnsw_config=GRAPH, quantization_config=quantization)
    with filled(mine(stub), "int8_rescore") as searcher:
        assert contract.overlap(searcher.find(ASKED, K).rows, best_by_numpy(K)) > 0.98
        assert searcher.index.facts().unproven == ""
    told = refusal(mine(stub))
    assert (
        "has float32 vectors and scalar codes, and this setting asks for float32 vectors and no codes" in told.problem
    )
    assert "quantization=int8" in told.hint
    assert "passes over the codes" in refusal(mine(stub, "qdrant_exact"), "int8").problem


@pytest.mark.parametrize("is_in_use", [True, False])
def test_codes_are_proven_by_the_vectors_that_the_collection_has_itself(
    is_in_use: bool, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are much like this model's, not the same: that alone makes other scores, whatever is searched."""
    noise = 0.003 * np.random.default_rng(8).normal(size=MATRIX.shape)
    quantization = models.ScalarQuantization(scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8))
    made(
        stub, "text", cut(MATRIX + noise, DIMS).astype(np.float32), hnsw_config=GRAPH, quantization_config=quantization
    )
    asked = "POST", "points/query"
    answer = ANSWERS[asked]

    def exactly(held: Any, body: Any) -> Any:
        return answer(held, {**body, "params": {**body["params"], "exact": True}})

    if not is_in_use:
        monkeypatch.setitem(ANSWERS, asked, exactly)
    with filled(mine(stub, vector_column="text"), "int8") as searcher:
        facts = searcher.index.facts()
    assert (facts.unproven == "") is is_in_use
    assert facts.unproven.startswith("" if is_in_use else "its scores are those of float32 vectors")
    assert facts.proof["scores"].endswith("from inner products of its own vectors")


def test_whole_vectors_of_a_collection_that_is_there_have_their_own_scores(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(stub, hnsw_config=GRAPH)
    answer = ANSWERS["POST", "points/query"]

    def rounded(held: Any, body: Any) -> Any:
        found = answer(held, body)
        return {"points": [{**point, "score": round(point["score"], 2)} for point in found["points"]]}

    monkeypatch.setitem(ANSWERS, ("POST", "points/query"), rounded)
    with filled(mine(stub)) as searcher:
        assert "from inner products, as those of float32 vectors are not" in searcher.index.facts().unproven


def test_vectors_of_another_model_are_refused_with_the_cosine(stub: Stub) -> None:
    row = int(sampled_rows(DOCUMENTS)[-1])
    others = MATRIX.copy()
    others[row] = contract.clustered(DOCUMENTS, 7)[row]
    made(stub, matrix=others, hnsw_config=GRAPH)
    lowest = float(MATRIX[row] @ others[row])
    told = refusal(mine(stub)).problem
    assert f"1 of 50 compared have a cosine below 0.99 with this model's, the lowest {lowest:.3f}" in told


def test_a_vector_that_is_gone_since_is_told(stub: Stub) -> None:
    made(stub, hnsw_config=GRAPH)
    stub.faults["/collections/mine/points"] = Fault(200, body=b'{"result": [], "status": "ok", "time": 0.0}')
    assert "has vectors of 0 dims" in refusal(mine(stub)).problem


def test_documents_of_another_corpus_are_refused_with_their_count(stub: Stub) -> None:
    made(stub, matrix=MATRIX[:-2], hnsw_config=GRAPH)
    assert "the collection mine lacks 2 of 700 documents" in refusal(mine(stub)).problem
    assert "the collection mine has rows without an id" in refusal(mine(stub, id_column="no_such_key")).problem
    assert "lacks 700 of 700 documents" in refusal(mine(stub, id_column=None)).problem


def test_a_collection_of_another_size_is_told_before_its_ids_are_read(stub: Stub) -> None:
    made(stub, matrix=MATRIX[:300], hnsw_config=GRAPH)
    assert "the collection mine has 300 vectors, and the corpus has 700 documents" in refusal(mine(stub)).problem
    assert stub.asked("POST", "/points/scroll") == []


def test_a_contract_without_end_is_not_read(stub: Stub) -> None:
    made(stub, hnsw_config=GRAPH, metadata={**CONTRACT, "more": "x" * MOST_CONTRACT})
    with filled(mine(stub)) as searcher:
        assert searcher.index.facts().contract is None


def test_chunks_are_not_matched(stub: Stub) -> None:
    made(stub, hnsw_config=GRAPH)
    payload = Payload(["same"] * DOCUMENTS)
    with pytest.raises(UserError, match="documents are in chunks"):
        build(Vectors(MATRIX, DIMS), PLACE, QUANTIZATIONS["float32"], mine(stub), payload=payload)


def test_what_a_collection_does_not_have_is_refused_with_what_it_has(stub: Stub) -> None:
    made(stub, "text", hnsw_config=GRAPH)
    absent = refusal(mine(stub, table="mime"))
    assert "has no collection mime" in absent.problem
    assert "Did you mean 'mine'?" in absent.hint
    assert "Did you mean 'text'?" in refusal(mine(stub, vector_column="texts")).hint
    assert "Name them by vector_column: text" in refusal(mine(stub)).hint
    narrow = mine(stub, vector_column="text")
    with pytest.raises(UserError, match="holds vectors of 48 dims, and this setting has 24"):
        plan(24, DOCUMENTS, QUANTIZATIONS["float32"], narrow)


def test_a_collection_of_distances_or_without_a_graph_is_refused(stub: Stub) -> None:
    made(stub, distance=Distance.EUCLID)
    assert "is searched by Euclid" in refusal(mine(stub)).problem
    stub.answer("DELETE", "/collections/mine", None)
    made(stub, hnsw_config=models.HnswConfigDiff(m=0))
    assert "has no graph" in refusal(mine(stub)).problem


def test_a_collection_that_is_there_is_not_filtered_by_labels_that_it_has_not(stub: Stub) -> None:
    made(stub, hnsw_config=GRAPH)
    with filled(mine(stub)) as searcher, pytest.raises(UserError, match="no labels 'half'"):
        searcher.index.search(ASKED[:1], K, Filter("half", 1, np.arange(1, DOCUMENTS, 2)))
