"""Pinecone's engine with its real client, against a stand-in for an index of it on loopback."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from evalkit.config import IndexConfig, QuantizationConfig
from evalkit.errors import UserError
from evalkit.search import Vectors, cut, plan
from evalkit.search.engine import Filter, Payload
from evalkit.search.engines import pinecone
from evalkit.search.engines.database import own_name
from evalkit.search.engines.pinecone import PineconeEngine
from tests.search.engines.contract import ASKED, DIMS, DOCUMENTS, IDS, LABELS, MATRIX, EngineContract, K, best_by_numpy
from tests.search.engines.pinecone_stub import KEY, PineconeStub, pinecone_stub

FLOAT32 = QuantizationConfig(kind="float", bits=32, faiss="Flat")
PAYLOAD = Payload(IDS, LABELS)


class TestPinecone(EngineContract):
    engine, exact = "pinecone", "pinecone"
    indexes = {"pinecone": {"float32": 0.99}}  # noqa: RUF012
    refused = [("int8", "pinecone", 48), ("binary_rescore", "pinecone", 48), ("float32", "pinecone", 20_001)]  # noqa: RUF012
    stub: PineconeStub

    @pytest.fixture(autouse=True)
    def server(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setenv("PINECONE_API_KEY", KEY)
        with pinecone_stub(DIMS, lag=1) as self.stub:
            yield
        assert self.stub.namespaces == {}

    def index(self, name: str) -> IndexConfig:
        config = super().index(name)
        config.url = self.stub.url
        return config


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[PineconeStub]:
    monkeypatch.setenv("PINECONE_API_KEY", KEY)
    monkeypatch.setattr("pinecone._internal.http_client._retry_sleep", lambda seconds: None)
    with pinecone_stub(DIMS) as stub:
        yield stub


def config(stub: PineconeStub, **settings: Any) -> IndexConfig:
    return IndexConfig(engine="pinecone", **{"url": stub.url, "timeout_seconds": 5.0, **settings})


def searched(index: IndexConfig, vectors: np.ndarray = MATRIX, payload: Payload = PAYLOAD) -> Any:
    """What the best are of an index that is filled with ``vectors``, and its facts."""
    planned = plan(DIMS, len(vectors), FLOAT32, index)
    with PineconeEngine().open(planned) as opened:
        built = opened.fill(Vectors(vectors, DIMS), payload)
        return opened.search(ASKED, K), opened.facts(), built


def refusal(index: IndexConfig) -> str:
    with pytest.raises(UserError) as told:
        searched(index)
    assert KEY not in str(told.value)
    assert told.value.hint
    assert "\n" not in told.value.problem
    return told.value.problem


def their_own(stub: PineconeStub, vectors: np.ndarray, ids: list[str]) -> None:
    """A namespace that is there already, its vectors in another order, ids in metadata."""
    entries = [
        {"id": f"v{place}", "values": vector.tolist(), "metadata": {"source": identifier}}
        for place, (vector, identifier) in enumerate(zip(vectors, ids, strict=True))
    ]
    stub.namespaces["theirs"] = {each["id"]: each for each in entries[::-1]}


def test_ids_and_labels_are_kept_as_they_are(stub: PineconeStub, capsys: pytest.CaptureFixture[str]) -> None:
    searched(config(stub, keep=True))
    ((name, kept),) = stub.namespaces.items()
    assert name.startswith("evalkit_kept_")
    assert capsys.readouterr().err == f"evalkit: kept: the namespace {name} in Pinecone at {stub.url}\n"
    assert [kept[str(row)]["metadata"]["document_id"] for row in range(DOCUMENTS)] == IDS
    assert [kept[str(row)]["metadata"]["label_0"] for row in range(DOCUMENTS)] == LABELS["half"].tolist()


def test_requests_stay_below_the_limits(stub: PineconeStub) -> None:
    ids = ["語" * 3000] * 999 + ["last"]
    searched(config(stub), np.resize(MATRIX, (1000, DIMS)), Payload(ids))
    asked = [size for what, size in zip(stub.asked, stub.requests_bytes, strict=True) if "upsert" in what]
    assert len(asked) > 5
    assert max(asked) < 2_000_000


def test_a_namespace_of_ones_own_is_searched_and_left_as_it_is(stub: PineconeStub) -> None:
    their_own(stub, MATRIX, IDS)
    record = {"id": "evalkit_contract", "values": [1.0] * DIMS}
    kept = {**record, "metadata": {"evalkit_contract": '{"evalkit_contract": 1, "model": "minilm"}'}}
    stub.namespaces["evalkit_contract"] = {"evalkit_contract": kept}
    before = {name: dict(vectors) for name, vectors in stub.namespaces.items()}
    found, facts, built = searched(config(stub, table="theirs", id_column="source"))
    assert found.rows.tolist() == best_by_numpy(K).tolist()
    assert facts.proof[pinecone.CANARY] == "1.0000"
    assert np.isnan(built.seconds)
    assert facts.contract == {"evalkit_contract": 1, "model": "minilm"}
    assert stub.namespaces == before
    assert not [what for what in stub.asked if "upsert" in what or "DELETE" in what]


def test_vectors_of_another_model_are_told(stub: PineconeStub) -> None:
    others = MATRIX.copy()
    others[7::9] = np.roll(others[7::9], 1, axis=1)
    their_own(stub, others, IDS)
    told = refusal(config(stub, table="theirs", id_column="source"))
    assert "vectors of another model, or of other texts" in told


@pytest.mark.parametrize(
    ("ids", "column", "told"),
    [
        (IDS, None, "lacks 700 of 700 documents, '00000' among them"),
        (IDS, "sourcs", "no metadata 'sourcs'"),
        ([*IDS[:-1], "other"], "source", "lacks 1 of 700 documents"),
        ([*IDS[:-1], IDS[0]], "source", "more than once"),
    ],
)
def test_ids_that_do_not_match_are_told(stub: PineconeStub, ids: list[str], column: str | None, told: str) -> None:
    their_own(stub, MATRIX, ids)
    assert told in refusal(config(stub, table="theirs", id_column=column))


def test_vectors_beyond_the_corpus_are_told(stub: PineconeStub) -> None:
    their_own(stub, np.concatenate([MATRIX, MATRIX[:1]]), [*IDS, "beyond"])
    assert "1 vectors of no document of the corpus, 'beyond'" in refusal(
        config(stub, table="theirs", id_column="source")
    )


def test_what_a_killed_run_left_is_removed_by_the_next(stub: PineconeStub) -> None:
    machine = own_name().split("_")[1]
    gone, living = f"evalkit_{machine}_999999999_1700000000_abcd", own_name()
    stub.namespaces = {gone: {}, living: {}, "theirs": {}}
    searched(config(stub))
    assert sorted(stub.namespaces) == sorted([living, "theirs"])


def test_a_wrong_key_is_one_line_without_it(stub: PineconeStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_KEY", "pcsk_wr0ngKey7hatIsN0where")
    told = refusal(config(stub, key_variable="OTHER_KEY"))
    assert "refuses the key" in told
    assert "wr0ngKey" not in told


def test_a_key_follows_no_redirect(stub: PineconeStub) -> None:
    with pinecone_stub(DIMS) as elsewhere:
        stub.redirect = elsewhere.url
        assert "another address" in refusal(config(stub))
        assert elsewhere.asked == []


def test_too_many_requests_are_waited_for_and_then_told(stub: PineconeStub) -> None:
    busy = ("upsert", 429, {"error": {"code": "RESOURCE_EXHAUSTED", "message": "too fast"}})
    stub.refusals = [busy]
    found, _, _ = searched(config(stub))
    assert found.rows.tolist() == best_by_numpy(K).tolist()
    stub.refusals = [busy] * 20
    index = config(stub, keep=True)
    assert "asked too often, also after waiting (while filling a namespace): too fast" in refusal(index)
    assert stub.namespaces == {}


def test_a_lost_connection_is_one_line(stub: PineconeStub) -> None:
    with PineconeEngine().open(plan(DIMS, DOCUMENTS, FLOAT32, config(stub))) as index:
        index.fill(Vectors(MATRIX, DIMS), PAYLOAD)
        stub.is_dropping = True
        with pytest.raises(UserError, match="broke off \\(while searching\\)"):
            index.search(ASKED, K)


def test_nobody_there_is_told_before_anything_is_encoded(stub: PineconeStub) -> None:
    with pytest.raises(UserError, match="can't be reached"):
        plan(DIMS, DOCUMENTS, FLOAT32, config(stub, url="http://127.0.0.1:9"))


def test_counts_that_never_come_are_told(stub: PineconeStub) -> None:
    stub.lag = 10**9
    told = refusal(config(stub, timeout_seconds=0.2, keep=True))
    assert "is counting vectors, and nothing has moved for 0.2 s (0 of 700)" in told
    assert stub.namespaces == {}


def test_a_namespace_of_another_size_is_told_before_its_ids_are_read(stub: PineconeStub) -> None:
    their_own(stub, MATRIX[:300], IDS[:300])
    told = refusal(config(stub, table="theirs", id_column="source"))
    assert "has 300 vectors, and the corpus has 700 documents" in told
    assert not [what for what in stub.asked if "/vectors/list" in what]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"url": None}, "Pinecone is a service."),
        ({"url": "http://example.com"}, "would be sent the key unencrypted"),
        ({"url": "https://example.com/path"}, "is no address of an index"),
        ({"url": "https://example.com:99999"}, "is no address of an index"),
        ({"options": {"pods": 2}}, "no option 'pods'"),
        ({"key_variable": "NO_SUCH_KEY"}, "a key in NO_SUCH_KEY"),
    ],
)
def test_what_can_not_be_is_told_before_anything_is_sent(
    stub: PineconeStub, settings: dict[str, Any], told: str
) -> None:
    with pytest.raises(UserError, match=told):
        plan(DIMS, DOCUMENTS, FLOAT32, config(stub, **settings))
    assert stub.asked == []


def test_an_index_of_other_dims_or_distances_is_told(stub: PineconeStub) -> None:
    stub.dims = 32
    with pytest.raises(UserError, match="keeps vectors of 32 dims, not 48"):
        plan(DIMS, DOCUMENTS, FLOAT32, config(stub))
    stub.dims, stub.metric = DIMS, "euclidean"
    assert "compares by euclidean" in refusal(config(stub))


def test_a_filter_by_labels_that_are_not_there_is_told(stub: PineconeStub) -> None:
    their_own(stub, MATRIX, IDS)
    index = config(stub, table="theirs", id_column="source")
    with PineconeEngine().open(plan(DIMS, DOCUMENTS, FLOAT32, index)) as opened:
        opened.fill(Vectors(MATRIX, DIMS), PAYLOAD)
        with pytest.raises(UserError, match="no labels 'half'"):
            opened.search(ASKED, K, Filter("half", 1, np.arange(3)))


def test_scores_of_unit_vectors_are_cosines(stub: PineconeStub) -> None:
    found, _, _ = searched(config(stub))
    np.testing.assert_allclose(found.scores[:, 0], (cut(ASKED, DIMS) @ MATRIX.T).max(axis=1), atol=1e-6)
