"""What a run makes in somebody's database: ids as they were, gone at the end, and what kills left is found."""

import threading
from pathlib import Path
from typing import Any

import faiss
import pytest
from pymilvus.client.grpc_handler import GrpcHandler

from evalkit.errors import UserError
from evalkit.search.engine import plan
from evalkit.search.engines.database import machine, own_name
from tests.search.engines.contract import DIMS, DOCUMENTS, IDS, QUANTIZATIONS
from tests.search.engines.milvus.collections import client_of, fill, index_config, opened


def names_in(folder: Path) -> list[str]:
    with client_of(folder) as client:
        names: list[str] = client.list_collections()
        return names


def test_ids_come_back_as_they_were_and_what_is_kept_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "kept.db"
    ids = ["007", "a b/c", "\t'\"\\", "日本語", "x" * 300, "é" * 300, *IDS[6:]]
    with opened(index_config("milvus_hnsw", url=str(folder), keep=True), ids=ids) as index:
        name = index.facts().proof["collection"]
    assert name.startswith("evalkit_kept_")
    with client_of(folder) as client:
        client.load_collection(name)
        kept = client.query(name, filter="row >= 0", output_fields=["row", "document_id"], limit=DOCUMENTS)
    assert {entity["row"]: entity["document_id"] for entity in kept} == dict(enumerate(ids))


def test_it_is_dropped_at_the_end_and_after_a_failure(tmp_path: Path) -> None:
    folder = tmp_path / "mine.db"
    with client_of(folder) as client:
        fill(client, "docs")
    config = index_config("milvus_hnsw", url=str(folder))
    with opened(config):
        pass
    with pytest.raises(ZeroDivisionError), opened(config):
        raise ZeroDivisionError
    assert names_in(folder) == ["docs"]


def test_what_a_killed_run_left_is_dropped_by_the_next(tmp_path: Path) -> None:
    folder = tmp_path / "mine.db"
    left = f"evalkit_{machine()}_999999999_1700000000_0a0b0c0d"  # of a process that never was
    mine = own_name()
    with client_of(folder) as client:
        for name in (left, mine, "evalkit_docs"):
            fill(client, name)
    with opened(index_config("milvus_flat", url=str(folder))):
        pass
    assert sorted(names_in(folder)) == sorted([mine, "evalkit_docs"])


def test_the_index_is_built_with_what_was_asked_for() -> None:
    """Milvus Lite reads no parameter as pymilvus sends it, and says nothing."""
    config = index_config("milvus_hnsw")
    config.options |= {"M": 7}
    with opened(config) as index:
        (file,) = index.connection.lite.files(index.collection.name).indexes("HNSW")
        assert faiss.read_index(str(file)).hnsw.nb_neighbors(1) == 7
    with opened(index_config("milvus_ivf", nlist=11), QUANTIZATIONS["int8"]) as index:
        (file,) = index.connection.lite.files(index.collection.name).indexes("IVF_SQ8")
        assert faiss.read_index(str(file)).nlist == 11


def test_bytes_are_those_of_the_files() -> None:
    with opened(index_config("milvus_hnsw"), QUANTIZATIONS["int8"]) as index:
        folder = index.connection.lite.folder
        index_bytes = sum(file.stat().st_size for file in folder.rglob("*.idx"))
        table_bytes = sum(file.stat().st_size for file in folder.rglob("data_*.parquet"))
        built, facts = index.built, index.facts()
    assert built.index_bytes == facts.index_bytes == index_bytes + table_bytes
    assert built.table_bytes == table_bytes
    assert not folder.exists()


def test_an_index_that_was_not_built_is_not_proven() -> None:
    with opened(index_config("milvus_hnsw")) as index:
        for file in index.connection.lite.folder.rglob("*.idx"):
            file.unlink()
        assert index.facts().unproven == "Milvus Lite built no HNSW for 1 of 1 segments"


def test_scores_of_float32_do_not_prove_codes() -> None:
    with opened(index_config("milvus_hnsw"), QUANTIZATIONS["int8"]) as index:
        assert index.facts().unproven == ""
        index.difference = 1e-7
        assert "its codes are not in use" in index.facts().unproven


def test_whole_vectors_have_their_own_scores() -> None:
    with opened(index_config("milvus_hnsw")) as index:
        assert index.facts().unproven == ""
        index.difference = 0.01  # type: ignore[attr-defined]
        assert "scores of HNSW are 0.01 from those of float32 vectors" in index.facts().unproven


def test_no_thread_of_milvus_is_left() -> None:
    def threads() -> set[str]:
        return {thread.name for thread in threading.enumerate() if "milvus" in thread.name}

    before = threads()
    with opened(index_config("milvus_flat")):
        during = threads() - before
    assert during
    assert threads() == before


def test_a_folder_that_is_in_use_or_not_there_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "mine.db"
    config = index_config("milvus_flat", url=str(folder))
    with pytest.raises(UserError, match="there is no Milvus Lite in"), opened(config):
        pass
    with client_of(folder), pytest.raises(UserError, match="is in use by another Milvus Lite"), opened(config):
        pass
    (tmp_path / "old.db").write_bytes(b"SQLite format 3")
    old = index_config("milvus_flat", url=str(tmp_path / "old.db"))
    with pytest.raises(UserError, match="of a Milvus Lite before 3"), opened(old):
        pass


@pytest.mark.parametrize(("nlist", "most"), [(DOCUMENTS + 1, f"{DOCUMENTS:,}"), (1_000_000, f"{DOCUMENTS:,}")])
def test_more_lists_than_there_can_be_are_refused(nlist: int, most: str) -> None:
    with pytest.raises(UserError, match=f"nlist={nlist} is not possible") as refused:
        plan(DIMS, DOCUMENTS, QUANTIZATIONS["float32"], index_config("milvus_ivf", nlist=nlist))
    assert f"at most {most} lists" in refused.value.hint


def test_a_server_is_pinged_as_seldom_as_any_grpc_server_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    """One as it comes, like Milvus Lite's, hangs up on more than a ping in 5 minutes, in the middle of a long build."""
    asked: list[dict[str, Any]] = []
    create = GrpcHandler._create_grpc_channel

    def created(handler: Any, *arguments: Any) -> Any:
        asked.append(handler._grpc_options)
        return create(handler, *arguments)

    monkeypatch.setattr(GrpcHandler, "_create_grpc_channel", created)
    with opened(index_config("milvus_flat"), QUANTIZATIONS["float32"]):
        pass
    assert asked
    assert min(options["grpc.keepalive_time_ms"] for options in asked) >= 300_000
