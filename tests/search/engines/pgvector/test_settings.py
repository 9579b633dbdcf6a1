"""What pgvector is built and searched with: what can't be is refused, what is set takes effect."""

import numpy as np
import pytest

from evalkit.config.checks.indexes import check_indexes
from evalkit.errors import UserError
from evalkit.search import Vectors, build, plan
from evalkit.search.engine import Filter, Payload
from evalkit.search.engines.pgvector.connection import one_session
from tests.search.engines.contract import (
    ASKED,
    DIMS,
    DOCUMENTS,
    IDS,
    LABELS,
    MATRIX,
    PLACE,
    QUANTIZATIONS,
    best_by_numpy,
    overlap,
)
from tests.search.engines.pgvector.conftest import of_conf_anew

FLOAT32 = QUANTIZATIONS["float32"]


@pytest.mark.parametrize(
    ("index", "options", "search", "expected"),
    [
        ("hnsw", {"method": "hsnw"}, {}, "no index 'hsnw'.*\n.*Did you mean 'hnsw'"),
        ("hnsw", {"m": 101}, {}, "options.m=101 is not possible.*\n.*from 2 to 100"),
        ("hnsw", {"m": 16, "ef_construction": 20}, {}, "ef_construction=20 is below 2 × m"),
        ("hnsw", {"ef_constructions": 64}, {}, "without 'ef_constructions'.*\n.*Did you mean 'ef_construction'"),
        ("hnsw", {"maintenance_work_mem": "much"}, {}, "no amount of memory"),
        ("hnsw", {}, {"ef_search": [1001]}, "ef_search=1001 is not possible"),
        ("hnsw", {}, {"iterative_scan": [True]}, "iterative_scan=True is not possible"),
        ("ivfflat", {}, {"iterative_scan": ["strict_order"]}, "iterative_scan=strict_order is not possible"),
        ("ivfflat", {"lists": 0}, {}, "options.lists=0 is not possible"),
        ("exact", {"m": 16}, {}, "exact is built without 'm'"),
        ("exact", {}, {"ef_search": [40]}, "no parameter 'ef_search'.*\n.*It has none"),
    ],
)
def test_what_pgvector_does_not_have_is_refused(
    index: str, options: dict[str, object], search: dict[str, list[object]], expected: str
) -> None:
    config = of_conf_anew(f"pgvector_{index}")
    config.options |= options
    config.search = search
    with pytest.raises(UserError, match=expected):
        plan(DIMS, DOCUMENTS, FLOAT32, config)


@pytest.mark.parametrize("index", ["pgvector_ivfflat", "qdrant_hnsw", "weaviate_hnsw", "pinecone"])
def test_clusters_that_an_engine_does_not_read_are_refused(index: str) -> None:
    config = of_conf_anew(index)
    check_indexes({index: config})
    config.nlist = 50
    with pytest.raises(UserError, match=f"reads no index.{index}.nlist"):
        check_indexes({index: config})


def test_a_plan_says_what_is_made() -> None:
    words = {
        ("pgvector_exact", "float32"): "vector(48), no index",
        ("pgvector_hnsw", "float16"): "halfvec(48), using hnsw (embedding halfvec_ip_ops)"
        " with (m = 16, ef_construction = 64)",
        ("pgvector_ivfflat", "binary_rescore"): "vector(48), using ivfflat"
        " ((binary_quantize(embedding)::bit(48)) bit_hamming_ops) with (lists = 26)",
    }
    for (index, quantization), expected in words.items():
        assert plan(DIMS, DOCUMENTS, QUANTIZATIONS[quantization], of_conf_anew(index)).words == expected


def test_a_filter_leaves_few_results_unless_the_scan_is_iterative() -> None:
    config = of_conf_anew("pgvector_hnsw")
    config.search = {"ef_search": [10], "iterative_scan": ["off", "strict_order", "relaxed_order"]}
    rare = Filter("rare", 1, np.flatnonzero(LABELS["rare"] == 1))
    with build(Vectors(MATRIX, DIMS), PLACE, FLOAT32, config, payload=Payload(IDS, LABELS)) as searcher:
        found = {}
        for scan in config.search["iterative_scan"]:
            searcher.index.set({"ef_search": 10, "iterative_scan": scan})
            found[scan] = searcher.index.search(ASKED, 5, rare)
            assert f"hnsw.iterative_scan = {scan}" in searcher.index.facts().proof["settings"]
    assert (found["off"].rows >= 0).mean() < 0.5
    for scan in ("strict_order", "relaxed_order"):
        assert (found[scan].rows >= 0).mean() > 0.9
        assert (found[scan].scores[:, 1:] <= found[scan].scores[:, :-1]).all()
        assert overlap(found[scan].rows, best_by_numpy(5, rare.passing)) > 0.8


def test_an_index_that_is_asked_for_more_than_its_breadth_looks_at_more() -> None:
    config = of_conf_anew("pgvector_hnsw")
    config.search = {"ef_search": [10]}
    with build(Vectors(MATRIX, DIMS), PLACE, FLOAT32, config) as searcher:
        searcher.index.set({"ef_search": 10})
        assert (searcher.index.search(ASKED, 100).rows >= 0).all()
        assert searcher.index.facts().proof["settings"] == "hnsw.ef_search = 100"
        assert (searcher.index.search(ASKED, 5).rows >= 0).all()
        assert searcher.index.facts().proof["settings"] == "hnsw.ef_search = 100; hnsw.ef_search = 10"


@pytest.mark.parametrize("quantization", ["float32", "binary_rescore"])
def test_the_proof_is_of_the_statements_that_were_searched(quantization: str) -> None:
    """Not of others: one whose filter goes by an index of its own is no search by the graph."""
    config = of_conf_anew("pgvector_hnsw")
    config.search = {"ef_search": [40]}
    rare = Filter("rare", 1, np.flatnonzero(LABELS["rare"] == 1))
    vectors = Vectors(MATRIX, DIMS)
    with build(vectors, PLACE, QUANTIZATIONS[quantization], config, payload=Payload(IDS, LABELS)) as searcher:
        index = searcher.index
        with one_session(config) as session:
            session.connection.execute(f"create index by_label on {index.searched.name} (label_1)")
            session.connection.execute(f"analyze {index.searched.name}")
        searcher.find(ASKED, 10)
        assert index.facts().unproven == ""
        searcher.filtered(rare).find(ASKED, 10)
        assert index.facts().unproven.startswith("PostgreSQL searches without the index: Limit > ")
        assert "by_label" in index.facts().unproven
        index.set({"ef_search": 40})
        searcher.find(ASKED, 7)
        assert index.facts().unproven == ""
    (statement,) = index.asked
    assert statement.statement.endswith(" limit 7")
    assert f"limit {40 if quantization == 'binary_rescore' else 7}" in statement.statement
