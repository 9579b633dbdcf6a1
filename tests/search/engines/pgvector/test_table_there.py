"""A table that is there already: searched as it is, never changed, refused where it is not this corpus and model's."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import psycopg
import pytest
from pgvector import Bit, HalfVector

from evalkit.config import IndexConfig
from evalkit.errors import UserError
from evalkit.search import Searcher, Vectors, build, operating_points, plan
from evalkit.search.engine import Payload
from tests.search.engines.contract import (
    ASKED,
    DIMS,
    DOCUMENTS,
    IDS,
    MATRIX,
    PLACE,
    QUANTIZATIONS,
    best_by_numpy,
    overlap,
)
from tests.search.engines.pgvector.conftest import at_server, schemas

TABLE = '"Meine ""Texte"" 100%"'
NAME = 'Meine "Texte" 100%'
COLUMNS: dict[str, Any] = {"id_column": "die id", "vector_column": "v%"}
SHUFFLED = np.random.default_rng(5).permutation(DOCUMENTS)


@pytest.fixture
def table(server: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """Of the documents in another order, their vectors three times as long; with an index by cosine and a comment."""
    server.execute(f'create table {TABLE} ("die id" text, "v%" vector({DIMS}), half halfvec({DIMS}), bits bit({DIMS}))')
    with server.cursor() as cursor:
        statement = f"insert into {TABLE.replace('%', '%%')} values (%s, %s, %s, %s)"
        vectors = [MATRIX[row] for row in SHUFFLED]
        rows = [(IDS[row], 3 * v, HalfVector(v), Bit(v > 0)) for row, v in zip(SHUFFLED, vectors, strict=True)]
        cursor.executemany(statement, rows)
    server.execute(f'create index "i %" on {TABLE} using hnsw ("v%" vector_cosine_ops)')
    server.execute(f"comment on table {TABLE} is " + """'Ours. {"evalkit_contract": 1, "model": "mine"}'""")
    yield server
    server.execute(f"drop table {TABLE}")


@contextmanager
def found(name: str = "pgvector_exact", quantization: str = "float32", **settings: object) -> Iterator[Searcher]:
    config = there(name, **settings)
    with build(Vectors(MATRIX, DIMS), PLACE, QUANTIZATIONS[quantization], config, payload=Payload(IDS)) as searcher:
        point = next(operating_points(name, config, QUANTIZATIONS[quantization], 10))
        yield searcher.at(point)


def there(name: str, **settings: object) -> IndexConfig:
    return at_server(name, **{"table": NAME, **COLUMNS, **settings})


def test_exact_search_is_numpys_and_what_its_comment_says_is_told(table: psycopg.Connection) -> None:
    with found() as searcher:
        ranking, facts, built = searcher.rank(ASKED, 10), searcher.index.facts(), searcher.built
        assert schemas(table) == set()
    assert ranking.rows.tolist() == best_by_numpy(10).tolist()
    np.testing.assert_allclose(ranking.scores, np.take_along_axis(ASKED @ MATRIX.T, ranking.rows, axis=1), atol=2e-6)
    assert facts.contract == {"evalkit_contract": 1, "model": "mine"}
    assert (facts.unproven, math.isnan(built.seconds)) == ("", True)
    assert "Seq Scan" in facts.proof["plan"]
    size = table.execute("select pg_table_size(%s::regclass)", [TABLE]).fetchone()[0]
    assert built.table_bytes == built.index_bytes == size


def test_its_own_index_is_what_is_searched_and_counted(table: psycopg.Connection) -> None:
    with found("pgvector_hnsw") as searcher:
        rows, facts, built = searcher.rank(ASKED, 10).rows, searcher.index.facts(), searcher.built
    assert overlap(rows, best_by_numpy(10)) > 0.95
    assert facts.unproven == ""
    assert "Index Scan using i %" in facts.proof["plan"]
    assert "vector_cosine_ops" in facts.proof["index"]
    size = table.execute("select pg_relation_size('\"i %\"'::regclass)").fetchone()[0]
    assert built.index_bytes - built.table_bytes == size


def test_without_its_index_nothing_is_proven(table: psycopg.Connection) -> None:
    with found("pgvector_hnsw") as searcher:
        table.execute('drop index "i %"')
        assert "searches without the index: Limit > " in searcher.index.facts().unproven
    table.execute(f'create index on {TABLE} using hnsw ("v%" vector_cosine_ops)')
    with found("pgvector_exact") as searcher:
        assert searcher.index.facts().unproven == ""


def test_halfvec_bit_and_re_ordering_by_vector_are_searched_as_they_are(table: psycopg.Connection) -> None:
    with found(quantization="float16", vector_column="half") as searcher:
        assert overlap(searcher.rank(ASKED, 10).rows, best_by_numpy(10)) > 0.98
    with found(quantization="binary", vector_column="bits") as searcher:
        signs = np.where(ASKED > 0, 1, -1) @ np.where(MATRIX > 0, 1, -1).T / DIMS
        ranking = searcher.rank(ASKED, 10)
        assert searcher.index.metric == "hamming"
    np.testing.assert_allclose(ranking.scores, -np.sort(-signs, axis=1)[:, :10], atol=1e-6)
    with found(quantization="binary_rescore") as searcher:
        ranking = searcher.rank(ASKED, 10)
        assert searcher.find(ASKED, 10).rows[:, 0].tolist() == ranking.rows[:, 0].tolist()
    np.testing.assert_allclose(ranking.scores / 3, np.take_along_axis(ASKED @ MATRIX.T, ranking.rows, 1), atol=1e-5)


def test_ids_are_read_in_pages(table: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalkit.search.engines.pgvector.table_there.PAGE", 99)
    with found() as searcher:
        assert searcher.rank(ASKED, 10).rows.tolist() == best_by_numpy(10).tolist()


def test_a_table_of_another_size_is_told_by_its_rows_alone(table: psycopg.Connection) -> None:
    table.execute(f'delete from {TABLE} where "die id" not in (select "die id" from {TABLE} limit 300)')
    with pytest.raises(UserError, match="100%' has 300 vectors, and the corpus has 700 documents"), found():
        pass
    table.execute(f'insert into {TABLE} select null, "v%" from {TABLE}, generate_series(1, 9)')
    with pytest.raises(UserError, match="100%' has 1,400 vectors or more, and the corpus has 700 documents"), found():
        pass


def test_a_table_that_somebody_locks_is_waited_for_no_longer_than_is_asked(table: psycopg.Connection) -> None:
    with table.transaction():
        table.execute(f"lock table {TABLE}")
        with pytest.raises(UserError, match="table: canceling statement") as refused, found(timeout_seconds=1):
            pass
    assert "timeout_seconds" in refused.value.hint


def test_nothing_can_be_written_while_it_is_searched(table: psycopg.Connection) -> None:
    with found() as searcher:
        session = searcher.index.sessions.get()
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            session.connection.execute(f"delete from {TABLE}")
    assert table.execute(f"select count(*) from {TABLE}").fetchone() == (DOCUMENTS,)


@pytest.mark.parametrize(
    ("index", "quantization", "settings", "expected"),
    [
        ("exact", "float32", {"table": "Meine Texte"}, "there is no table 'Meine Texte'.*\n.*Did you mean 'Meine"),
        ("exact", "float32", {"vector_column": None}, "columns are not known"),
        ("exact", "float32", {"vector_column": "w%"}, "no column 'w%'.*\n.*Known: bits, die id, half, v%"),
        ("exact", "float32", {"vector_column": "die id"}, "holds 'text', no vectors"),
        ("exact", "float32", {"vector_column": "half"}, "holds halfvec, which can't be searched as vector"),
        ("ivfflat", "float32", {}, r"no index ivfflat of vector; it has 'i %' \(hnsw, vector_cosine_ops\)"),
        ("hnsw", "binary_rescore", {}, "no index hnsw of bit"),
    ],
)
@pytest.mark.usefixtures("table")
def test_a_table_that_can_not_be_searched_so_is_refused_before_anything_is_encoded(
    index: str, quantization: str, settings: dict[str, object], expected: str
) -> None:
    with pytest.raises(UserError, match=expected):
        plan(DIMS, DOCUMENTS, QUANTIZATIONS[quantization], there(f"pgvector_{index}", **settings))


@pytest.mark.usefixtures("table")
def test_other_dims_are_refused() -> None:
    with pytest.raises(UserError, match="vectors of 48 dims, not 32"):
        plan(32, DOCUMENTS, QUANTIZATIONS["float32"], there("pgvector_exact"))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (f"delete from {TABLE} where \"die id\" = '00000'", "\" 100%' lacks 1 of 700 documents, '00000'"),
        (f'update {TABLE} set "v%" = null where "die id" = \'00002\'', "lacks 1 of 700 documents"),
        (f"insert into {TABLE} select 'more', \"v%\" from {TABLE} limit 1", "has 1 vectors of no document"),
        (f"insert into {TABLE} select * from {TABLE} limit 2", "has the id .* more than once"),
        (f'insert into {TABLE} select null, "v%" from {TABLE} limit 1', "has rows without an id"),
        (f'update {TABLE} set "v%" = subvector("v%", 2, {DIMS - 1}) || subvector("v%", 1, 1)', "cosine below 0.99"),
    ],
)
def test_a_table_of_other_documents_or_another_model_is_refused(
    table: psycopg.Connection, change: str, expected: str
) -> None:
    table.execute(change)
    with pytest.raises(UserError, match=expected) as refused, found():
        pass
    assert refused.value.hint


@pytest.mark.usefixtures("table")
def test_chunks_and_labels_are_refused() -> None:
    for payload, expected in (
        (Payload(["a", *IDS[1:-1], "a"]), "documents are in chunks"),
        (Payload(IDS, {"half": np.arange(DOCUMENTS) % 2}), "has no labels to filter by"),
    ):
        with pytest.raises(UserError, match=expected):
            build(Vectors(MATRIX, DIMS), PLACE, QUANTIZATIONS["float32"], there("pgvector_exact"), payload=payload)
