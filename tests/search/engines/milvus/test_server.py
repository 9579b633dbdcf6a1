"""What goes to a server: requests of every kind of index, and each fault told in one line without a secret.

No Milvus server installs from a package registry: these are the client library's requests to a stand-in.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.config import QuantizationConfig
from evalkit.errors import UserError
from evalkit.search import Vectors, engine_of, plan
from evalkit.search.engine import Filter, Payload
from tests.search.engines.contract import (
    ASKED,
    DIMS,
    DOCUMENTS,
    LABELS,
    MATRIX,
    QUANTIZATIONS,
    K,
    best_by_numpy,
    overlap,
)
from tests.search.engines.milvus.collections import WithDeadlines, client_of, fill, index_config, opened, served
from tests.search.engines.milvus.stand_in import StandIn

TOKEN = "root:Milvus-7f3a91c2d4"  # noqa: S105 (a stand-in's)
PAIRS = QuantizationConfig(kind="product", bits=4, subvector_dims=2)
KINDS: list[tuple[str, QuantizationConfig, dict[str, Any]]] = [
    ("milvus_hnsw", QUANTIZATIONS["float32"], {"index_type": "HNSW", "M": 16, "efConstruction": 200}),
    ("milvus_flat", QUANTIZATIONS["float16"], {"index_type": "FLAT"}),
    ("milvus_flat", QUANTIZATIONS["binary"], {"index_type": "BIN_FLAT", "metric_type": "HAMMING"}),
    ("milvus_ivf", QUANTIZATIONS["binary"], {"index_type": "BIN_IVF_FLAT", "nlist": 26, "metric_type": "HAMMING"}),
    ("milvus_hnsw", QUANTIZATIONS["int8"], {"index_type": "HNSW_SQ", "sq_type": "SQ8"}),
    ("milvus_hnsw", QUANTIZATIONS["int6"], {"index_type": "HNSW_SQ", "sq_type": "SQ6"}),
    ("milvus_hnsw", QUANTIZATIONS["pq"], {"index_type": "HNSW_PQ", "m": 6, "nbits": 8}),
    ("milvus_ivf", QUANTIZATIONS["int8"], {"index_type": "IVF_SQ8", "nlist": 26}),
    ("milvus_ivf", QUANTIZATIONS["pq"], {"index_type": "IVF_PQ", "m": 6, "nbits": 8, "nlist": 26}),
    ("milvus_ivf", QUANTIZATIONS["rabitq"], {"index_type": "IVF_RABITQ", "nlist": 26}),
    ("milvus_ivf", PAIRS, {"index_type": "SCANN", "with_raw_data": False}),
]


@pytest.mark.parametrize(("name", "quantization", "expected"), KINDS)
def test_every_kind_is_asked_for_filled_searched_and_dropped(
    name: str, quantization: QuantizationConfig, expected: dict[str, Any]
) -> None:
    server = StandIn(step=0.0 if quantization.bits == 32 else 0.02)
    with served(server) as (address, _), opened(index_config(name, url=address), quantization) as index:
        found = index.search(ASKED, K)
        facts, built = index.facts(), server.built
    assert {key: built.get(key) for key in expected} == expected
    assert built["metric_type"] == expected.get("metric_type", "IP")
    assert overlap(found.rows, best_by_numpy(K)) >= (0.3 if quantization.kind == "binary" else 0.7)
    assert facts.version == "v2.6.1"
    assert (facts.index_bytes, facts.unproven) == (None, "")
    assert facts.reasons["index_bytes"]
    assert len(server.dropped) == 1
    assert server.schemas == {}


def test_halves_are_searched_as_such_and_bits_by_hamming_distance() -> None:
    halves, signs = MATRIX.astype(np.float16).astype(np.float64), np.where(MATRIX > 0, 1, -1)
    asked = ASKED.astype(np.float16).astype(np.float64)
    with served(StandIn()) as (address, _):
        with opened(index_config("milvus_flat", url=address), QUANTIZATIONS["float16"]) as index:
            found = index.search(ASKED, K)
            assert found.rows.tolist() == np.argsort(-(asked @ halves.T), axis=1)[:, :K].tolist()
        with opened(index_config("milvus_flat", url=address), QUANTIZATIONS["binary"]) as index:
            found = index.search(ASKED, K)
            assert index.metric == "hamming"
    cosines = np.sort(np.where(ASKED > 0, 1, -1) @ signs.T / DIMS, axis=1)[:, ::-1][:, :K]
    np.testing.assert_allclose(found.scores, cosines, atol=1e-6)


def test_a_server_that_accepts_codes_and_compares_floats_is_not_believed() -> None:
    with (
        served(StandIn()) as (address, _),
        opened(index_config("milvus_ivf", url=address), QUANTIZATIONS["pq"]) as index,
    ):
        assert index.facts().unproven == "scores of IVF_PQ are those of float32 vectors: its codes are not in use"


@pytest.mark.parametrize(
    ("name", "segments", "indexed"),
    [
        ("milvus_hnsw", [700], "0 of 700"),
        ("milvus_hnsw", [], "0 of 0"),
        ("milvus_ivf", [5_000, 1_023], "5,000 of 6,023"),
        ("milvus_ivf", [500_000, 1_023], ""),
        ("milvus_hnsw", [1_024], ""),
        ("milvus_flat", [700], ""),
    ],
)
def test_segments_that_are_too_small_for_an_index_prove_none(name: str, segments: list[int], indexed: str) -> None:
    """A server says Finished of these, too, and compares all of their vectors."""
    with served(StandIn(segments=segments)) as (address, _), opened(index_config(name, url=address)) as index:
        unproven = index.facts().unproven
    assert (f"only {indexed} are in others" in unproven) if indexed else unproven == ""


def test_a_graph_looks_at_as_many_as_are_asked_for_and_a_filter_is_an_expression() -> None:
    server = StandIn()
    with served(server) as (address, _), opened(index_config("milvus_hnsw", url=address)) as index:
        index.search(ASKED[:1], 300, Filter("rare", 1, np.flatnonzero(LABELS["rare"] == 1)))
        index.search(ASKED[:1], 5)
    assert [json.loads(server.searches[place]["params"])["ef"] for place in (-2, -1)] == [300, 128]
    assert [server.searches[place]["filter"] for place in (-2, -1)] == ["label_1 == 1", ""]


def planned(settings: dict[str, Any], quantization: str = "float32", name: str = "milvus_hnsw") -> None:
    plan(DIMS, DOCUMENTS, QUANTIZATIONS[quantization], index_config(name, timeout_seconds=2, **settings))


def test_too_old_a_server_and_a_served_milvus_lite_are_refused_before_anything_is_encoded(tmp_path: Path) -> None:
    from milvus_lite.adapter.grpc.servicer import MilvusServicer
    from milvus_lite.db import MilvusLite

    with served(StandIn("v2.4.9")) as (address, _):
        planned({"url": address})
        with pytest.raises(UserError, match=r"version v2\.4\.9, too old for HNSW_SQ"):
            planned({"url": address}, "int8")
    database = MilvusLite(str(tmp_path / "lite.db"))
    with served(MilvusServicer(database)) as (address, _):
        planned({"url": address})
        with pytest.raises(UserError, match="Milvus Lite accepts or refuses IVF_PQ"):
            planned({"url": address}, "pq", "milvus_ivf")
    database.close()


def test_a_wrong_key_is_told_and_a_right_one_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    with served(StandIn(), TOKEN) as (address, _):
        monkeypatch.setenv("MILVUS_TOKEN", TOKEN)
        planned({"url": address})
        monkeypatch.setenv("OTHER", "root:wrong-0a1b2c3d4e")
        with pytest.raises(UserError, match="refuses the key") as refusal:
            planned({"url": address, "key_variable": "OTHER"})
    assert "OTHER" in refusal.value.hint
    assert "0a1b2c3d4e" not in str(refusal.value)


def test_a_password_in_an_address_is_in_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    with served(StandIn(), TOKEN) as (address, server):
        user, password = TOKEN.split(":")
        monkeypatch.setenv("MILVUS_AT", address.replace("://", f"://{user}:{password}@"))
        planned({"url_variable": "MILVUS_AT"})
        server.stop(grace=0).wait()
        with pytest.raises(UserError, match="the address in MILVUS_AT is not reachable") as refusal:
            planned({"url_variable": "MILVUS_AT"})
    assert password not in str(refusal.value)


def test_a_key_is_not_sent_in_the_clear_to_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILVUS_TOKEN", TOKEN)
    with pytest.raises(UserError, match="unencrypted"):
        planned({"url": "http://milvus.example:19530"})


@pytest.mark.parametrize("address", ["localhost:19530", "milvus", "ftp://localhost"])
def test_what_is_no_address_is_told(address: str) -> None:
    with pytest.raises(UserError, match="is no address and no database"):
        planned({"url": address})


def test_a_server_that_goes_away_while_it_is_searched_is_told_in_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    with served(StandIn()) as (address, server):
        config = index_config("milvus_flat", url=address, timeout_seconds=2)
        with opened(config) as index:
            index.search(ASKED, K)
            server.stop(grace=0).wait()
            with pytest.raises(UserError, match="searching") as lost:
                index.search(ASKED, K)
    assert "\n" not in lost.value.problem
    assert "Traceback" not in "".join(capfd.readouterr())


def test_a_server_that_fails_while_it_is_filled_leaves_nothing() -> None:
    class Full(StandIn):
        def Insert(self, request: Any, context: Any) -> Any:  # noqa: N802
            from pymilvus.grpc_gen import common_pb2, milvus_pb2

            status = common_pb2.Status(code=1100, reason=f"disk quota exhausted for {TOKEN}\n\x1b[31m")
            return milvus_pb2.MutationResult(status=status)

    server = Full()
    with served(server) as (address, _):
        config = index_config("milvus_flat", url=address, keep=True)
        made = plan(DIMS, DOCUMENTS, QUANTIZATIONS["float32"], config)
        with (
            pytest.raises(UserError, match="failed, filling it: disk quota exhausted") as failure,
            engine_of(QUANTIZATIONS["float32"], config).open(made) as index,
        ):
            index.fill(Vectors(MATRIX, DIMS), Payload())
    assert "\x1b" not in str(failure.value)
    assert server.schemas == {}


def test_a_collection_that_is_not_loaded_stays_so(tmp_path: Path) -> None:
    from milvus_lite.adapter.grpc.servicer import MilvusServicer
    from milvus_lite.db import MilvusLite

    with client_of(tmp_path / "mine.db") as client:
        fill(client, "docs")
    database = MilvusLite(str(tmp_path / "mine.db"))
    with served(MilvusServicer(database)) as (address, _):
        config = index_config("milvus_hnsw", url=address, table="docs")
        with pytest.raises(UserError, match="is not loaded"), opened(config):
            pass
        database.get_collection("docs").load()
    deadlines = WithDeadlines()
    with served(MilvusServicer(database), interceptors=[deadlines]) as (address, _):
        config = index_config("milvus_hnsw", url=address, table="docs")
        with opened(config) as index:
            assert overlap(index.search(ASKED, K).rows, best_by_numpy(K)) >= 0.95
            assert index.facts().index_bytes is None
    assert calls_without_end(deadlines) in ([], ["DescribeCollection"])  # pymilvus' own iterator asks once without end
    assert {"DescribeCollection", "Query"} <= set(deadlines.seconds)
    database.close()


def calls_without_end(deadlines: WithDeadlines) -> list[str]:
    """Methods that were called without a deadline, or with a later one than ``timeout_seconds`` (60)."""
    return [method for method, seconds in deadlines.seconds.items() if max(seconds) > 61]


def test_every_call_to_a_server_has_an_end() -> None:
    server, deadlines = StandIn(), WithDeadlines()
    with (
        served(server, interceptors=[deadlines]) as (address, _),
        opened(index_config("milvus_hnsw", url=address)) as index,
    ):
        index.search(ASKED, K)
        index.facts()
    assert calls_without_end(deadlines) == []
    asked = {
        "CreateCollection",
        "Insert",
        "Flush",
        "CreateIndex",
        "LoadCollection",
        "Query",
        "Search",
        "DropCollection",
    }
    assert asked <= set(deadlines.seconds)


class NeverBuilt(StandIn):
    def DescribeIndex(self, request: Any, context: Any) -> Any:  # noqa: N802
        described = super().DescribeIndex(request, context)
        description = described.index_descriptions[0]
        description.state, description.indexed_rows = 2, 300
        return described


class NeverLoaded(StandIn):
    loaded = False

    def __init__(self) -> None:
        super().__init__()
        self.loaded = False


@pytest.mark.parametrize(
    ("server", "said"),
    [
        (NeverBuilt(), r"is building the index, and nothing has moved for 2 s \(300 of 700 rows\)"),
        (NeverLoaded(), r"is loading the collection, and nothing has moved for 2 s \(0 %\)"),
    ],
)
def test_a_server_that_gets_no_further_is_told_and_nothing_is_left(server: StandIn, said: str) -> None:
    with served(server) as (address, _):
        config = index_config("milvus_hnsw", url=address, timeout_seconds=2, keep=True)
        with pytest.raises(UserError, match=f"^Milvus at {address} {said}"), opened(config):
            pass
    assert server.schemas == {}


def test_what_is_kept_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    server = StandIn()
    with served(server) as (address, _), opened(index_config("milvus_flat", url=address, keep=True)):
        pass
    (name,) = server.schemas
    assert capsys.readouterr().err == f"evalkit: kept: the collection {name} in Milvus at {address}\n"


def test_a_collection_of_another_size_is_told_before_its_ids_are_read(tmp_path: Path) -> None:
    with client_of(tmp_path / "mine.db") as client:
        fill(client, "few", matrix=MATRIX[:300])
    config = index_config("milvus_hnsw", url=str(tmp_path / "mine.db"), table="few")
    with pytest.raises(UserError, match="has 300 vectors, and the corpus has 700 documents"), opened(config):
        pass
