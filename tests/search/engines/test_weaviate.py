"""Weaviate's engine with its real client, against a stand-in for its server on loopback."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import grpc
import numpy as np
import pytest

from evalkit.config import IndexConfig, RescoreConfig
from evalkit.errors import UserError
from evalkit.search import Vectors, build, operating_points, plan
from evalkit.search.engine import Filter, Payload
from evalkit.search.engines.database import own_name
from evalkit.search.engines.weaviate.connection import new_name
from evalkit.search.engines.weaviate.engine import WeaviateEngine
from tests.search.engines.contract import (
    ASKED,
    DIMS,
    DOCUMENTS,
    IDS,
    LABELS,
    MATRIX,
    QUANTIZATIONS,
    EngineContract,
    K,
    best_by_numpy,
    overlap,
)
from tests.search.engines.weaviate_stub import Class, WeaviateStub, weaviate_stub


class TestWeaviate(EngineContract):
    engine, exact = "weaviate", "weaviate_flat"
    indexes = {  # noqa: RUF012
        "weaviate_flat": {"binary_rescore": 0.9},
        "weaviate_hnsw": {
            "float32": 0.99,
            "binary_rescore": 0.9,
            "int8": 0.7,
            "int8_rescore": 0.9,
            "pq_rescore": 0.9,
            "rabitq": 0.7,
            "rabitq_rescore": 0.9,
        },
    }
    refused = [  # noqa: RUF012
        ("binary", "weaviate_hnsw", 48),
        ("pq", "weaviate_hnsw", 48),
        ("pq_rescore", "weaviate_hnsw", 20),
        ("float16", "weaviate_hnsw", 48),
        ("rabitq4", "weaviate_hnsw", 48),
        ("int8", "weaviate_flat", 48),
    ]
    stub: WeaviateStub

    @pytest.fixture(autouse=True)
    def server(self) -> Iterator[None]:
        with weaviate_stub() as self.stub:
            yield

    def index(self, name: str) -> IndexConfig:
        config = super().index(name)
        config.url = self.stub.url
        config.options["grpc_port"] = self.stub.grpc_port
        return config


PAYLOAD = Payload(IDS, LABELS)
KEY = "wv-5ecretKeyThatIsN0where"
WRONG = "wv-wr0ngKeyThatIsN0where"


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[WeaviateStub]:
    monkeypatch.setattr("weaviate.retry.time", SimpleNamespace(sleep=lambda seconds: None))
    monkeypatch.setattr("evalkit.search.engines.server_errors.WAITS", (0.0, 0.0, 0.0))
    with weaviate_stub() as stub:
        yield stub


def config(stub: WeaviateStub, index: str = "hnsw", **settings: Any) -> IndexConfig:
    options = {"index": index, "grpc_port": stub.grpc_port}
    return IndexConfig(engine="weaviate", **{"url": stub.url, "timeout_seconds": 5.0, "options": options, **settings})


@contextmanager
def opened(index: IndexConfig, quantization: str = "float32") -> Iterator[Any]:
    """A filled index."""
    planned = plan(DIMS, DOCUMENTS, QUANTIZATIONS[quantization], index)
    with WeaviateEngine().open(planned) as filled:
        filled.fill(Vectors(MATRIX, DIMS), PAYLOAD)
        yield filled


def refusal(index: IndexConfig, quantization: str = "float32") -> str:
    with pytest.raises(UserError) as told, opened(index, quantization) as filled:
        filled.search(ASKED, K)
    assert told.value.hint
    assert "\n" not in told.value.problem
    assert KEY not in str(told.value)
    assert WRONG not in str(told.value)
    return told.value.problem


def their_own(stub: WeaviateStub, vectors: np.ndarray, ids: list[str], **settings: Any) -> Class:
    """A collection that is there already: UUIDs in no order, ids in a field, a vector that is called otherwise."""
    kept = Class(
        {
            "class": "Theirs",
            "description": 'The shop\'s. {"evalkit_contract": 1, "model": "minilm"}',
            "vectorConfig": {
                "text": {
                    "vectorizer": {"none": {}},
                    "vectorIndexType": "hnsw",
                    "vectorIndexConfig": {"skipDefaultQuantization": True, **settings},
                }
            },
            "properties": [{"name": "source", "dataType": ["text"]}],
        },
        "rq",
    )
    kept.objects = {uuid4(): ({"source": name}, vector) for name, vector in zip(ids, vectors, strict=True)}
    stub.classes["Theirs"] = kept
    return kept


def test_ids_and_labels_are_kept_as_they_are(stub: WeaviateStub, capsys: pytest.CaptureFixture[str]) -> None:
    with opened(config(stub, keep=True)):
        pass
    ((name, kept),) = stub.classes.items()
    assert name.startswith("Evalkit_kept_")
    assert capsys.readouterr().err == f"evalkit: kept: the collection {name} in Weaviate at {stub.url}\n"
    fields = [kept.objects[each][0] for each in sorted(kept.objects)]
    assert [each["document_id"] for each in fields] == IDS
    assert [each["label_0"] for each in fields] == LABELS["half"].tolist()


def test_a_key_is_sent_to_no_other_machine_in_clear(stub: WeaviateStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEAVIATE_API_KEY", "k-3f9a")
    index = config(stub, url="http://weaviate.example:8080")
    with (
        pytest.raises(UserError, match="would be sent the key in WEAVIATE_API_KEY unencrypted") as refusal,
        opened(index),
    ):
        pass
    assert "k-3f9a" not in str(refusal.value)


def test_the_operating_point_is_a_setting_of_the_collection(stub: WeaviateStub) -> None:
    with opened(config(stub, search={"ef": [64, 256]})) as index:
        seen = [stub.classes[index.collection.name].settings["ef"]]
        for ef in (64, 256):
            index.set({"ef": ef})
            seen.append(stub.classes[index.collection.name].settings["ef"])
    assert seen == [64, 64, 256]
    assert len([what for what in stub.asked if what.startswith("PUT")]) == 1


@pytest.mark.parametrize("quantization", ["binary_rescore", "pq_rescore", "int8_rescore", "rabitq_rescore"])
@pytest.mark.parametrize("ladder", [[20, 60], [60, 20]])
def test_what_is_judged_is_what_is_served(stub: WeaviateStub, quantization: str, ladder: list[int]) -> None:
    """``rank`` re-orders by itself what ``find`` has re-ordered by the server; neither leaves it set for the other."""
    found = {}
    config_of = replace(QUANTIZATIONS[quantization], rescore=RescoreConfig(candidates=ladder))
    index = config(stub, search={"ef": [16]})
    with build(Vectors(MATRIX, DIMS), np.arange(DOCUMENTS), config_of, index, payload=PAYLOAD) as searcher:
        for point in operating_points("weaviate_hnsw", index, config_of, K):
            at = searcher.at(point)
            served = at.find(ASKED, K)
            assert at.rank(ASKED, K).rows.tolist() == served.rows.tolist()
            found[point.candidates] = overlap(served.rows, best_by_numpy(K))
    assert found[20] <= found[60]
    if quantization == "binary_rescore":
        assert found[20] < found[60]


@pytest.mark.parametrize("bits", [1, 8])
def test_rotated_codes_have_the_bits_that_are_asked_for(stub: WeaviateStub, bits: int) -> None:
    planned = plan(DIMS, DOCUMENTS, replace(QUANTIZATIONS["rabitq"], bits=bits), config(stub))
    with WeaviateEngine().open(planned) as index:
        index.fill(Vectors(MATRIX, DIMS), PAYLOAD)
        (kept,) = stub.classes.values()
        facts = index.facts()
    assert (kept.quantizer, kept.settings["rq"]["bits"]) == ("rq", bits)
    assert (facts.proof["codes"], facts.unproven) == (f"rq, {bits} bits", "")


def test_codes_are_not_re_ordered_without_rescoring(stub: WeaviateStub) -> None:
    with opened(config(stub), "int8") as index:
        (kept,) = stub.classes.values()
        assert kept.quantizer == "sq"
        assert kept.settings["sq"]["rescoreLimit"] == 0
        scores = index.search(ASKED, K).scores
    assert np.abs(scores - np.sort(ASKED @ MATRIX.T, axis=1)[:, : -K - 1 : -1]).max() > 1e-4


def test_a_server_that_compresses_by_default_is_told_not_to(stub: WeaviateStub) -> None:
    with opened(config(stub)) as index:
        (kept,) = stub.classes.values()
        assert kept.quantizer == ""
        kept.settings["rq"]["enabled"] = True
        assert "kept as rq, 8 bits" in index.facts().unproven


def test_codes_that_are_not_there_yet_are_waited_for(stub: WeaviateStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Class, "quantizer", "")
    index = config(stub, timeout_seconds=0.3)
    assert "has not compressed all vectors by pq after 0.3 s" in refusal(index, "pq_rescore")
    assert stub.classes == {}


def test_a_collection_of_ones_own_is_searched_and_left_as_it_is(stub: WeaviateStub) -> None:
    kept = their_own(stub, MATRIX, IDS)
    before = repr(kept.definition)
    with opened(config(stub, table="Theirs", id_column="source", search={"ef": [-1]})) as index:
        index.set({"ef": -1})
        assert index.search(ASKED, K).rows.tolist() == best_by_numpy(K).tolist()
        facts = index.facts()
        with pytest.raises(UserError, match="no labels 'half'"):
            index.search(ASKED, K, Filter("half", 1, np.arange(3)))
    assert facts.contract == {"evalkit_contract": 1, "model": "minilm"}
    assert facts.proof["index"] == "hnsw"
    assert facts.proof["lowest cosine of a sample with this model's vectors"] == "1.0000"
    assert repr(stub.classes["Theirs"].definition) == before
    assert not [what for what in stub.asked if what.split()[0] in ("PUT", "POST", "DELETE", "BatchObjects")]


@pytest.mark.parametrize(
    ("settings", "quantization", "asked", "told"),
    [
        ({}, "float32", {"search": {"ef": [64]}}, "has ef=-1, which is not changed"),
        ({}, "float32", {"id_column": "sourcs"}, "has no field 'sourcs'"),
        ({}, "float32", {"id_column": None}, "lacks 700 of 700 documents"),
        ({}, "float32", {"vector_column": "title"}, "has no vector 'title'"),
        ({}, "rabitq", {}, "keeps vectors as uncompressed, not as rq, 1 bits"),
        ({"rq": {"enabled": True, "bits": 1}}, "float32", {}, "keeps vectors as rq, 1 bits, not as uncompressed"),
        ({"rq": {"enabled": True, "bits": 1}}, "rabitq", {}, "re-orders 20 candidates"),
        ({"distance": "hamming"}, "float32", {}, "compares by hamming"),
    ],
)
def test_a_collection_that_would_have_to_be_changed_is_told(
    stub: WeaviateStub, settings: dict, quantization: str, asked: dict, told: str
) -> None:
    their_own(stub, MATRIX, IDS, **settings)
    assert told in refusal(config(stub, **{"table": "Theirs", "id_column": "source", **asked}), quantization)
    assert list(stub.classes) == ["Theirs"]


def test_candidates_of_a_collection_that_is_there_are_its_own(stub: WeaviateStub) -> None:
    their_own(stub, MATRIX, IDS, rq={"enabled": True, "bits": 1, "rescoreLimit": 20})
    with opened(config(stub, table="Theirs", id_column="source"), "rabitq_rescore") as index:
        assert (index.rescoring.search(ASKED, K, 20).rows >= 0).all()
        with pytest.raises(UserError, match="re-orders 20 candidates") as told:
            index.rescoring.search(ASKED, K, 40)
    assert told.value.hint == "Give rescore.candidates=20."


def test_vectors_of_another_model_are_told(stub: WeaviateStub) -> None:
    their_own(stub, -MATRIX, IDS)
    index = config(stub, table="Theirs", id_column="source")
    assert "50 of 50 compared have a cosine below 0.99 with this model's, the lowest -1.000" in refusal(index)
    their_own(stub, MATRIX[:, :32], IDS)
    assert "vectors of 32 dims, not 48" in refusal(index)


def test_what_a_killed_run_left_is_removed_by_the_next(stub: WeaviateStub) -> None:
    machine = own_name().split("_")[1]
    gone, living = f"Evalkit_{machine}_999999999_1700000000_abcd", new_name(config(stub))
    their_own(stub, MATRIX, IDS)
    stub.classes |= {gone: stub.classes["Theirs"], living: stub.classes["Theirs"]}
    with opened(config(stub)):
        pass
    assert sorted(stub.classes) == sorted([living, "Theirs"])


def test_a_wrong_key_is_one_line_without_it(stub: WeaviateStub, monkeypatch: pytest.MonkeyPatch) -> None:
    stub.key = KEY
    monkeypatch.setenv("WEAVIATE_API_KEY", WRONG)
    assert "refuses the key" in refusal(config(stub))
    monkeypatch.setenv("WEAVIATE_API_KEY", KEY)
    with opened(config(stub)) as index:
        stub.key = "changed meanwhile"
        with pytest.raises(UserError, match="refuses the key \\(while searching\\)") as told:
            index.search(ASKED, K)
        stub.key = KEY
    assert KEY not in str(told.value)


def test_a_key_follows_no_redirect(stub: WeaviateStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEAVIATE_API_KEY", KEY)
    with weaviate_stub() as elsewhere:
        stub.redirect = elsewhere.url
        assert "another address" in refusal(config(stub))
        assert elsewhere.asked == []


@pytest.mark.parametrize(
    ("what", "code", "told"),
    [
        ("BatchObjects", grpc.StatusCode.UNAVAILABLE, "broke off (while filling a collection)"),
        ("BatchObjects", grpc.StatusCode.RESOURCE_EXHAUSTED, "asked too often, also after waiting (while filling"),
        ("Search", grpc.StatusCode.UNAVAILABLE, "broke off (while searching)"),
        ("Search", grpc.StatusCode.PERMISSION_DENIED, "refuses the key (while searching)"),
    ],
)
def test_a_fault_in_the_middle_is_one_line_and_leaves_nothing(
    stub: WeaviateStub, what: str, code: grpc.StatusCode, told: str
) -> None:
    stub.grpc_refusals[what] = code, "as told"
    assert told in refusal(config(stub))
    assert stub.classes == {}


def test_too_many_requests_are_waited_for(stub: WeaviateStub) -> None:
    stub.busy = {"BatchObjects": 3, "Search": 3}
    with opened(config(stub)) as index:
        assert index.search(ASKED, K).rows.tolist() == best_by_numpy(K).tolist()
    assert stub.busy == {"BatchObjects": 0, "Search": 0}


def test_a_kind_of_index_that_the_client_does_not_know_is_told(stub: WeaviateStub) -> None:
    kept = their_own(stub, MATRIX, IDS)
    kept.definition["vectorConfig"]["text"]["vectorIndexType"] = "newer"
    told = refusal(config(stub, table="Theirs", id_column="source"))
    assert "settings" in told
    assert "can't be reached" not in told


def test_a_collection_of_another_size_is_told(stub: WeaviateStub) -> None:
    their_own(stub, MATRIX[:300], IDS[:300])
    told = refusal(config(stub, table="Theirs", id_column="source"))
    assert "has 300 vectors, and the corpus has 700 documents" in told


def test_objects_that_are_refused_are_told(stub: WeaviateStub, capfd: pytest.CaptureFixture[str]) -> None:
    stub.refused_rows = {3}
    assert "refused 1 of 500 objects from row 0: no room" in refusal(config(stub, keep=True))
    assert stub.classes == {}
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"url": "http://127.0.0.1:9"}, "can't be reached"),
        ({"table": "Nothing"}, "does not have what is asked for"),
    ],
)
def test_what_a_server_has_not_is_told_before_anything_is_encoded(
    stub: WeaviateStub, settings: dict[str, Any], told: str
) -> None:
    with pytest.raises(UserError, match=told):
        plan(DIMS, DOCUMENTS, QUANTIZATIONS["float32"], config(stub, **settings))


def test_a_server_that_is_too_old_is_told(stub: WeaviateStub) -> None:
    stub.version = "1.31.4"
    assert "is 1.31.4, too old for rq, 1 bits" in refusal(config(stub), "rabitq")
    stub.version = "1.23.0"  # which the client refuses by itself
    told = refusal(config(stub))
    assert "1.23.0" in told
    assert "can't be reached" not in told


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"url": None}, "Weaviate does not come with evalkit."),
        ({"url": "localhost:8080"}, "no address of a Weaviate server"),
        ({"url": "http://127.0.0.1:8080/v1"}, "no address of a Weaviate server"),
        ({"options": {"index": "hnws"}}, "no index 'hnws'"),
        ({"options": {"ef_constructions": 1}}, "no option 'ef_constructions'"),
        ({"options": {"index": "flat", "m": 1}}, "no option 'm'"),
        ({"url": "http://127.0.0.1:99999"}, "no address of a Weaviate server"),
        ({"url": "http://127.0.0.1:50051", "options": {"index": "hnsw"}}, "grpc_port=50051 is no port of gRPC"),
        ({"options": {"grpc_port": "x"}}, "grpc_port=x is no port"),
        ({"search": {"ef": [0]}}, "ef=0 is no number of candidates"),
        ({"search": {"ef": ["many"]}}, "ef=many is no number"),
    ],
)
def test_what_can_not_be_is_told_before_anything_is_sent(
    stub: WeaviateStub, settings: dict[str, Any], told: str
) -> None:
    with pytest.raises(UserError, match=told):
        plan(DIMS, DOCUMENTS, QUANTIZATIONS["float32"], config(stub, **settings))
    assert stub.asked == []
