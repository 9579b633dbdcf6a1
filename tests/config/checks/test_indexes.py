"""What an engine would pass over, or could not do, is refused by the config alone: one line that names the setting."""

from typing import Any

import pytest

from evalkit.config import IndexConfig
from evalkit.config.checks.indexes import check_indexes
from evalkit.errors import UserError

DATABASES = ("pgvector", "qdrant", "milvus", "weaviate", "pinecone")
SERVER = {"url": "https://db.example"}


def refusal(engine: str, **settings: Any) -> str:
    """What it is refused with; empty where it isn't."""
    try:
        check_indexes({"mine": IndexConfig(engine=engine, **settings)})
    except UserError as error:
        return error.sentences if error.hint else "no way out is told"
    return ""


@pytest.mark.parametrize("engine", ["faiss", *DATABASES])
@pytest.mark.parametrize("value", [16.5, 16.0, float("nan")])
def test_an_operating_point_is_no_broken_number(engine: str, value: float) -> None:
    assert f"index.mine.search.ef={value} is not possible. Give whole numbers" in refusal(
        engine, search={"ef": [value]}
    )


@pytest.mark.parametrize("engine", ["faiss", "pgvector", "qdrant", "milvus"])
def test_minus_one_is_an_operating_point_of_servers_that_choose_by_themselves(engine: str) -> None:
    assert "Give a whole number from 1 to 1,000,000" in refusal(engine, search={"ef": [64, -1]})
    assert refusal("weaviate", search={"ef": [-1]}, **SERVER) == ""


@pytest.mark.parametrize("value", ["a", True, None])
def test_faiss_takes_whole_numbers_alone(value: Any) -> None:
    assert f"index.mine.search.nprobe={value} is not possible. Give whole" in refusal(
        "faiss", search={"nprobe": [value]}
    )


def test_an_index_without_clusters_reads_no_number_of_them() -> None:
    assert refusal("faiss", faiss="HNSW32_{quantization}", nlist=9).endswith("It makes no clusters: leave it out.")
    assert "no clusters" in refusal("milvus", options={"index_type": "HNSW"}, nlist=9)
    assert "options.lists" in refusal("pgvector", options={"method": "ivfflat"}, nlist=9)
    check_indexes({"ivf": IndexConfig(faiss="IVF{nlist},{quantization}", nlist=9)})
    check_indexes({"milvus_ivf": IndexConfig(engine="milvus", options={"index_type": "IVF"}, nlist=9)})


def test_faiss_reads_no_options() -> None:
    said = refusal("faiss", faiss="HNSW32_{quantization}", options={"M": 64})
    assert said.startswith("the engine faiss reads no index.mine.options.M. Say it in index.mine.faiss")


@pytest.mark.parametrize("engine", DATABASES)
@pytest.mark.parametrize("setting", ["faiss", "binary"])
def test_a_database_reads_no_template_of_faiss(engine: str, setting: str) -> None:
    assert f"the engine {engine} reads no index.mine.{setting}. It builds with index.mine.options" in refusal(
        engine, **{setting: "HNSW64"}
    )


@pytest.mark.parametrize("setting", ["id_column", "vector_column"])
def test_a_column_is_one_of_a_table(setting: str) -> None:
    assert f"index.mine.{setting} is of no table. Name the table: index.mine.table=" in refusal(
        "pgvector", **SERVER, **{setting: "id"}
    )


@pytest.mark.parametrize("setting", ["keep", "at_workload"])
def test_a_table_that_is_there_is_not_filled_and_not_kept(setting: str) -> None:
    assert f"is neither filled nor removed. Leave out index.mine.{setting}." in refusal(
        "qdrant", table="theirs", **SERVER, **{setting: True}
    )


def test_a_key_needs_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "a key that opens much")
    for engine in ("qdrant", "milvus"):
        said = refusal(engine, key_variable="MY_KEY")
        assert said == "index.mine.key_variable opens no server. Say where it is: index.mine.url=<address>."
    assert "pgvector reads no index.mine.key_variable. Its password stands in PGPASSWORD" in refusal(
        "pgvector", key_variable="MY_KEY", **SERVER
    )


@pytest.mark.parametrize("setting", ["url", "url_variable", "key_variable", "table", "id_column", "vector_column"])
@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_setting_is_not_left_out_in_silence(setting: str, text: str) -> None:
    assert f"index.mine.{setting} is empty." in refusal("qdrant", **{**SERVER, "table": "theirs", setting: text})


@pytest.mark.parametrize(
    "settings", [{"url": "http://db.example"}, {"keep": True}, {"timeout_seconds": 5.0}, {"table": "theirs"}]
)
def test_faiss_is_no_database(settings: dict[str, Any]) -> None:
    assert refusal("faiss", **settings).startswith("the engine faiss is no database. Leave out index.mine.")


def test_an_engine_of_a_users_own_reads_what_it_likes() -> None:
    settings = {"faiss": "HNSW32", "options": {"alpha": 1}, "search": {"alpha": [0.5, 1.5]}}
    assert refusal("mine:Engine", **settings) == ""
    assert refusal("faiss", **settings) != ""
    assert refusal("qdrant", **settings) != ""
