"""Qdrant's server, as a stub of its REST API: the same contract, faults in one line, and nothing left behind."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from qdrant_client import models
from qdrant_client.models import Distance, VectorParams

from evalkit.config import IndexConfig
from evalkit.config.compose import compose
from evalkit.errors import UserError
from evalkit.search import Vectors, build, engine_of, plan
from evalkit.search.engine import Payload
from evalkit.search.engines.database import machine
from tests.search.engines.contract import (
    ASKED,
    DIMS,
    DOCUMENTS,
    IDS,
    LABELS,
    MATRIX,
    PLACE,
    QUANTIZATIONS,
    EngineContract,
    K,
)
from tests.search.engines.qdrant_stub import Fault, Stub, running
from tests.search.engines.test_qdrant import TestQdrant as InThisProcess

KEY = "qd-secret-0123456789abcdef"
INDEXES = compose("run", ["index=[qdrant_hnsw,qdrant_exact]"]).index
GONE = f"evalkit_{machine()}_999999999_1700000000_0a0b0c0d"  # of a process that never was


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    monkeypatch.delenv("QDRANT_API_KEY", raising=False)
    with running(Stub()) as server:
        yield server


def config(stub: Stub, name: str = "qdrant_hnsw", **changed: Any) -> IndexConfig:
    return replace(INDEXES[name], **{"url": stub.address, **changed})


def filled(index: IndexConfig, quantization: str = "float32", matrix: np.ndarray = MATRIX) -> Any:
    documents = Vectors(matrix, matrix.shape[1])
    return build(documents, PLACE, QUANTIZATIONS[quantization], index, payload=Payload(IDS, LABELS))


def refusal(index: IndexConfig, quantization: str = "float32") -> UserError:
    """What planning and filling are refused with."""
    with pytest.raises(UserError) as refused, filled(index, quantization):
        pass
    assert "\n" not in refused.value.problem
    assert refused.value.hint
    return refused.value


class TestQdrantServer(EngineContract):
    engine, exact = "qdrant", "qdrant_exact"
    indexes = {  # noqa: RUF012
        "qdrant_hnsw": {"float16": 0.95, "int8": 0.93, "binary_rescore": 0.9},
        "qdrant_exact": {"int8": 0.93, "pq_rescore": 0.9},
    }
    refused = InThisProcess.refused

    @pytest.fixture(autouse=True)
    def _server(self, stub: Stub) -> Iterator[None]:
        self.stub = stub
        yield
        assert stub.collections == {}

    def index(self, name: str) -> IndexConfig:
        return config(self.stub, name, search=dict(INDEXES[name].search))


def test_requests_are_those_of_the_documented_api(stub: Stub) -> None:
    with filled(config(stub), "pq_rescore") as searcher:
        searcher.find(ASKED[:1], K)
    created = stub.asked("PUT")[0]
    assert created["vectors"] == {"size": DIMS, "distance": "Dot", "datatype": "float32"}
    assert created["quantization_config"] == {"product": {"compression": "x32", "always_ram": True}}
    assert created["hnsw_config"]["m"] == 16
    assert created["optimizers_config"]["indexing_threshold"] == 0
    assert [body["optimizers_config"]["indexing_threshold"] for body in stub.asked("PATCH")] == [1]
    assert [body["field_name"] for body in stub.asked("PUT", "/index")] == ["label_0", "label_1"]
    points = stub.asked("PUT", "/points")[0]["batch"]
    assert points["ids"] == list(range(DOCUMENTS))
    assert [point["id"] for point in points["payloads"]] == IDS
    assert stub.asked("POST", "/points/query")[-1]["params"]["quantization"] == {"rescore": True, "oversampling": 4.0}


def test_a_run_asks_for_nothing_but_codes_without_rescoring(stub: Stub) -> None:
    with filled(config(stub, "qdrant_exact"), "int8") as searcher:
        searcher.find(ASKED[:1], K)
    params = stub.asked("POST", "/points/query")[-1]["params"]
    assert params["exact"] is False
    assert params["quantization"]["rescore"] is False


def test_a_collection_is_removed_at_the_end_unless_it_is_kept(stub: Stub, capsys: pytest.CaptureFixture[str]) -> None:
    with filled(config(stub)):
        assert [name.startswith("evalkit_") for name in stub.collections] == [True]
    assert stub.collections == {}
    with filled(config(stub, keep=True)) as searcher:
        name = searcher.index.facts().proof["name"]
    assert list(stub.collections) == [name]
    assert name.startswith("evalkit_kept_")
    assert capsys.readouterr().err == f"evalkit: kept: the collection {name} in Qdrant at {stub.address}\n"


def test_what_a_killed_run_left_is_removed_by_the_next(stub: Stub) -> None:
    for name in (GONE, "evalkit", "evalkit_of_mine", "documents"):
        stub.create(name, models.CreateCollection(vectors=VectorParams(size=4, distance=Distance.DOT)))
    with filled(config(stub)):
        assert GONE not in stub.collections
    assert sorted(stub.collections) == ["documents", "evalkit", "evalkit_of_mine"]


def test_a_server_that_is_not_there_is_told_before_anything_is_built(stub: Stub) -> None:
    index = config(stub, url="http://127.0.0.1:9")
    with pytest.raises(UserError, match=r"Qdrant at http://127\.0\.0\.1:9 is not reachable"):
        plan(DIMS, DOCUMENTS, QUANTIZATIONS["float32"], index)


def test_a_key_comes_from_the_environment_and_is_never_told(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    stub.key = KEY
    wanted = refusal(config(stub))
    assert "wants a key (401)" in wanted.problem
    assert "QDRANT_API_KEY" in wanted.hint
    monkeypatch.setenv("QDRANT_API_KEY", f"{KEY}x")
    wrong = refusal(config(stub))
    assert "refuses the key in QDRANT_API_KEY (401" in wrong.problem
    monkeypatch.setenv("MY_KEY", KEY)
    with filled(config(stub, key_variable="MY_KEY")) as searcher:
        facts = searcher.index.facts()
    for told in (str(wanted), str(wrong), str(facts)):
        assert KEY not in told


def test_what_a_server_says_is_told_without_the_key_or_a_password(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QDRANT_API_KEY", KEY)
    stub.faults["/points"] = Fault(500, f"bad {KEY} at http://me:hunter2secret@host/\x1b[2J")
    told = refusal(config(stub)).problem
    assert "answers 500 while it was filled (0 of 700 vectors are in)" in told
    assert KEY not in told
    assert "hunter2secret" not in told
    assert stub.collections == {}


def test_a_key_is_not_sent_in_the_clear(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QDRANT_API_KEY", KEY)
    assert "unencrypted" in refusal(config(stub, url="http://qdrant.example:6333")).problem
    assert stub.requests == []


def test_an_address_from_a_variable_is_named_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QDRANT_URL", "http://me:hunter2secret@127.0.0.1:9")
    told = refusal(replace(INDEXES["qdrant_hnsw"], url_variable="QDRANT_URL"))
    assert "the address in QDRANT_URL is not reachable" in told.problem
    assert "hunter2secret" not in str(told)


@pytest.mark.parametrize("version", ["1.9.7", "0.11.0", "v1.2", "?"])
def test_an_old_server_is_refused(stub: Stub, version: str) -> None:
    stub.version = version
    told = refusal(config(stub))
    assert f"is of version {version}, which is too old" in told.problem
    assert "1.10" in told.hint


def test_another_server_than_qdrants_is_refused(stub: Stub) -> None:
    stub.faults["/collections"] = Fault(200, body=b"<html>hello</html>")
    assert "gives no answer of a Qdrant" in refusal(config(stub)).problem


def test_a_connection_dropped_while_filling_is_told_and_nothing_is_left(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evalkit.search.engines.qdrant.store.BATCH_COMPONENTS", 100 * DIMS)
    stub.faults["/points"] = Fault(after=2)
    told = refusal(config(stub, keep=True)).problem
    assert "dropped the connection while it was filled (200 of 700 vectors are in)" in told
    assert stub.collections == {}


def test_a_server_that_drops_a_search_leaves_nothing(stub: Stub) -> None:
    with filled(config(stub)) as searcher:
        stub.faults["/points/query"] = Fault()
        with pytest.raises(UserError, match="dropped the connection while it was searched"):
            searcher.find(ASKED[:1], K)
    assert stub.collections == {}


def test_an_optimizer_that_fails_is_told(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    with engine_of(QUANTIZATIONS["float32"], config(stub)).open(
        plan(DIMS, DOCUMENTS, QUANTIZATIONS["float32"], config(stub))
    ) as index:
        next(iter(stub.collections.values())).optimizer_error = "no space left"
        with pytest.raises(UserError, match=r"could not index the collection: no space left\."):
            index.fill(Vectors(MATRIX, DIMS), Payload(IDS, LABELS))


def test_a_server_that_goes_on_indexing_and_gets_no_further_is_told(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evalkit.search.engines.qdrant.server.IDLE_SECONDS", 0.1)
    index = config(stub, timeout_seconds=0.3)
    with engine_of(QUANTIZATIONS["float32"], index).open(
        plan(DIMS, DOCUMENTS, QUANTIZATIONS["float32"], index)
    ) as opened:
        held = next(iter(stub.collections.values()))
        held.is_stuck, held.status = True, "yellow"
        with pytest.raises(
            UserError, match=r"is indexing a collection, and nothing has moved for 1 s \(yellow, 0 of 700"
        ):
            opened.fill(Vectors(MATRIX, DIMS), Payload(IDS, LABELS))
    assert stub.collections == {}


def test_what_is_never_indexed_is_unproven(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalkit.search.engines.qdrant.server.IDLE_SECONDS", 0.1)
    with engine_of(QUANTIZATIONS["float32"], config(stub)).open(
        plan(DIMS, DOCUMENTS, QUANTIZATIONS["float32"], config(stub))
    ) as index:
        next(iter(stub.collections.values())).is_stuck = True
        index.fill(Vectors(MATRIX, DIMS), Payload(IDS, LABELS))
        assert index.facts().unproven.startswith("only 0 of 700 vectors are indexed")


def test_a_graph_that_is_not_walked_is_unproven(stub: Stub) -> None:
    options = INDEXES["qdrant_hnsw"].options | {"full_scan_threshold": 10_000}
    with filled(config(stub, options=options)) as searcher:
        assert "the graph is not in use" in searcher.index.facts().unproven


def test_bytes_of_a_server_are_null_with_the_reason(stub: Stub) -> None:
    with filled(config(stub)) as searcher:
        facts = searcher.index.facts()
    assert facts.index_bytes is None
    assert facts.bytes_per_vector is None
    assert "does not say how many bytes" in facts.reasons["index_bytes"]
    assert facts.version == "1.15.4"
