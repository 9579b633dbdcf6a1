"""Qdrant in this process passes what every engine must, and keeps to what its documentation says of codes."""

import math
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from evalkit.config import IndexConfig, RescoreConfig
from evalkit.config.compose import compose
from evalkit.errors import UserError
from evalkit.search import Vectors, build, plan
from evalkit.search.engine import Filter, Payload
from evalkit.search.engines.qdrant.edge import EdgeStore
from evalkit.search.engines.qdrant.index import oversampling
from evalkit.search.searcher import Searcher
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
    best_by_numpy,
    overlap,
)

INDEXES = compose("run", ["index=[qdrant_hnsw,qdrant_exact]"]).index


class TestQdrant(EngineContract):
    engine, exact = "qdrant", "qdrant_exact"
    indexes = {  # noqa: RUF012
        "qdrant_hnsw": {
            "float32": 0.95,
            "float16": 0.95,
            "int8": 0.93,
            "int8_rescore": 0.95,
            "binary": 0.4,
            "binary_rescore": 0.9,
            "pq": 0.5,
            "pq_rescore": 0.9,
        },
        "qdrant_exact": {
            "float16": 0.98,
            "int8": 0.93,
            "int8_rescore": 0.99,
            "binary": 0.4,
            "binary_rescore": 0.9,
            "pq": 0.5,
            "pq_rescore": 0.9,
        },
    }
    refused = [  # noqa: RUF012
        ("float32", "qdrant_hnsw", 65_537),
        ("int4", "qdrant_hnsw", 48),
        ("rabitq", "qdrant_exact", 48),
        ("pq_fast", "qdrant_hnsw", 48),
        ("opq", "qdrant_hnsw", 48),
        ("bfloat16", "qdrant_exact", 48),
    ]


def filled(
    name: str, quantization: str = "float32", matrix: np.ndarray = MATRIX, options: Mapping[str, Any] | None = None
) -> Searcher:
    index = replace(INDEXES[name], options=INDEXES[name].options | dict(options or {}))
    labels = {column: values[: len(matrix)] for column, values in LABELS.items()}
    payload = Payload(IDS[: len(matrix)], labels)
    return build(Vectors(matrix, DIMS), PLACE[: len(matrix)], QUANTIZATIONS[quantization], index, payload=payload)


def test_binary_codes_are_signs_and_every_one_is_compared() -> None:
    dots = np.where(ASKED > 0, 1.0, -1.0) @ np.where(MATRIX > 0, 1.0, -1.0).T
    with filled("qdrant_exact", "binary") as searcher:
        found = searcher.index.search(ASKED, K)
    np.testing.assert_array_equal(found.scores, np.take_along_axis(dots, found.rows, axis=1))
    np.testing.assert_array_equal(found.scores, -np.sort(-dots, axis=1)[:, :K])


def test_int8_codes_are_128_steps_of_one_range_and_every_one_is_compared() -> None:
    lowest, step = MATRIX.min(), (MATRIX.max() - MATRIX.min()) / 127
    kept, asked = (lowest + step * np.rint(np.clip((side - lowest) / step, 0, 127)) for side in (MATRIX, ASKED))
    with filled("qdrant_exact", "int8") as searcher:
        found = searcher.index.search(ASKED, K)
    np.testing.assert_allclose(found.scores, -np.sort(-(asked @ kept.T), axis=1)[:, :K], atol=2e-3)


@pytest.mark.parametrize("name", ["qdrant_exact", "qdrant_hnsw"])
@pytest.mark.parametrize("candidates", [10, 11, 13, 29, 100])
def test_as_many_candidates_as_were_asked_for_are_re_ordered(name: str, candidates: int) -> None:
    """The codes' best, re-ordered by NumPy: with one candidate more or less it would be another answer."""
    with filled(name, "pq_rescore") as searcher:
        searcher.index.set({"ef": 700} if name == "qdrant_hnsw" else {})
        coarse = searcher.index.search(ASKED, candidates).rows
        refined = searcher.rescoring.search(ASKED, K, candidates)
    exact = ASKED @ MATRIX.T
    scores = np.take_along_axis(exact, coarse, axis=1)
    expected = np.take_along_axis(coarse, np.argsort(-scores, axis=1)[:, :K], axis=1)
    assert refined.rows.tolist() == expected.tolist()
    np.testing.assert_allclose(refined.scores, np.take_along_axis(exact, expected, axis=1), atol=2e-6)


def test_a_factor_and_its_product_are_cut_to_just_as_many_candidates() -> None:
    wrong = [(k, n) for k in range(1, 120) for n in range(k, 500) if int(oversampling(k, n) * k) != n]
    assert wrong == []


def test_scores_of_what_re_orders_are_inner_products() -> None:
    rows = np.array([[3, 699, -1, 0], [5, -1, -1, 41]])
    with filled("qdrant_hnsw", "binary_rescore") as searcher:
        scores = searcher.rescoring.scores(ASKED[:2], rows)
    expected = np.where(rows < 0, -np.inf, np.take_along_axis(ASKED[:2] @ MATRIX.T, np.maximum(rows, 0), axis=1))
    np.testing.assert_allclose(scores, expected, atol=2e-6)


@pytest.mark.parametrize(
    ("quantization", "component_bytes", "code_bytes"),
    [("float32", 4, 0), ("float16", 2, 0), ("int8", 4, DIMS), ("binary", 4, DIMS / 8), ("pq", 4, DIMS / 8)],
)
def test_bytes_are_those_of_the_files_of_vectors_and_codes(
    quantization: str, component_bytes: int, code_bytes: float
) -> None:
    with filled("qdrant_exact", quantization) as searcher:
        built = searcher.built
    headers = 100
    links = 16 * DOCUMENTS  # an empty list for each vector, and one layer's table of them
    vectors = DOCUMENTS * DIMS * component_bytes
    assert vectors <= built.table_bytes <= vectors + headers
    codes = built.bytes_per_vector * DOCUMENTS - built.table_bytes
    assert DOCUMENTS * code_bytes <= codes <= DOCUMENTS * code_bytes + links + headers
    codebook = built.index_bytes - built.bytes_per_vector * DOCUMENTS
    patterns = 256 * DIMS if quantization == "pq" else 0  # numbers, as JSON
    assert 2 * patterns <= codebook <= 24 * patterns + 5 * headers


def test_a_graph_takes_bytes_for_its_links() -> None:
    sizes = []
    for name in ("qdrant_exact", "qdrant_hnsw"):
        with filled(name) as searcher:
            sizes.append(searcher.built.index_bytes)
    assert sizes[1] - sizes[0] > 4 * DOCUMENTS


def test_codes_that_are_not_searched_are_unproven(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Qdrant does it with exact=true, whatever codes it has."""
    ask = EdgeStore.query
    monkeypatch.setattr(EdgeStore, "query", lambda store, vector, asked: ask(store, vector, replace(asked, exact=True)))
    with filled("qdrant_hnsw", "binary") as searcher:
        assert "its scores are those of float32 vectors" in searcher.index.facts().unproven


def test_a_graph_that_is_not_walked_is_unproven() -> None:
    with filled("qdrant_hnsw", matrix=MATRIX[:3]) as searcher:
        assert searcher.index.facts().unproven.startswith("only 0 of 3 vectors are indexed")
        assert searcher.find(ASKED[:1], K).rows.shape == (1, 3)
    with filled("qdrant_hnsw", options={"full_scan_threshold": 10_000}) as searcher:
        assert "less than 10,000 KB" in searcher.index.facts().unproven
    float32, float16 = DOCUMENTS * DIMS * 4 // 1024, DOCUMENTS * DIMS * 2 // 1024
    for quantization, kilobytes in (("float32", float32), ("float16", float16)):
        for threshold, is_walked in ((kilobytes - 1, True), (kilobytes + 2, False)):
            with filled("qdrant_hnsw", quantization, options={"full_scan_threshold": threshold}) as searcher:
                assert (searcher.index.facts().unproven == "") is is_walked


@pytest.mark.parametrize("quantization", ["float32", "int8", "binary", "pq_rescore"])
@pytest.mark.parametrize("documents", [1, 3])
def test_a_handful_of_documents_is_searched_exactly(quantization: str, documents: int) -> None:
    with filled("qdrant_exact", quantization, MATRIX[:documents]) as searcher:
        found = searcher.rank(ASKED, K)
    assert sorted(found.rows[0].tolist()) == list(range(documents))


def refusal(index: IndexConfig, quantization: Any = QUANTIZATIONS["float32"]) -> UserError:
    with pytest.raises(UserError) as refused:
        plan(DIMS, DOCUMENTS, quantization, index)
    assert refused.value.hint
    return refused.value


def test_settings_that_it_has_not_are_refused_with_what_it_has() -> None:
    hnsw, exact = INDEXES["qdrant_hnsw"], INDEXES["qdrant_exact"]
    typed = replace(hnsw, options={"m": 16, "ef_construction": 64})
    assert refusal(typed).hint == "Did you mean 'ef_construct'?"
    assert "options.m=many" in refusal(replace(hnsw, options={"m": "many"})).problem
    assert "at least 10" in refusal(replace(hnsw, options={"full_scan_threshold": 1})).hint
    assert "no parameter 'efSearch'" in refusal(replace(hnsw, search={"efSearch": [64]})).problem
    assert "search.ef=0" in refusal(replace(hnsw, search={"ef": [64, 0]})).problem
    assert refusal(replace(exact, search={"ef": [64]})).hint == "It has none."
    assert refusal(replace(exact, keep=True)).hint == "Give url."


def test_what_re_orders_is_what_qdrant_keeps() -> None:
    hnsw = INDEXES["qdrant_hnsw"]
    coarse = replace(QUANTIZATIONS["binary"], rescore=RescoreConfig(store="int8"))
    assert "float32 and float16" in refusal(hnsw, coarse).hint
    floats = replace(QUANTIZATIONS["float16"], rescore=RescoreConfig())
    assert "floats have none" in refusal(hnsw, floats).problem
    sparse = replace(QUANTIZATIONS["pq"], subvector_dims=3)
    assert "subvector_dims=3" in refusal(hnsw, sparse).problem


def test_an_approximate_index_that_is_asked_for_more_looks_at_more() -> None:
    with filled("qdrant_hnsw") as searcher:
        searcher.index.set({"ef": 1})
        assert (searcher.index.search(ASKED, 300).rows >= 0).all()


def test_a_graph_is_filtered_while_it_is_walked() -> None:
    with filled("qdrant_hnsw") as searcher:
        searcher.index.set({"ef": 128})
        for column in ("half", "rare"):
            passing = np.flatnonzero(LABELS[column] == 1)
            rows = searcher.index.search(ASKED, 5, Filter(column, 1, passing)).rows
            assert np.isin(rows, passing).all()
            assert overlap(rows, best_by_numpy(5, passing)) > 0.9
        with pytest.raises(UserError, match="no labels 'haf'") as refused:
            searcher.index.search(ASKED, 5, Filter("haf", 1, passing))
        assert refused.value.hint == "Did you mean 'half'?"


def test_building_is_timed_and_what_was_learned_from_is_told() -> None:
    learned = {}
    for quantization in ("float32", "int8", "binary", "pq"):
        with filled("qdrant_exact", quantization) as searcher:
            learned[quantization] = searcher.built.training_vectors
            assert math.isfinite(searcher.built.seconds)
    assert learned == {"float32": 0, "int8": DOCUMENTS, "binary": 0, "pq": DOCUMENTS}


def test_exact_search_agrees_with_numpy_to_the_last_rank() -> None:
    with filled("qdrant_exact") as searcher:
        rows = searcher.rank(ASKED, DOCUMENTS).rows
    assert (np.sort(rows, axis=1) == np.arange(DOCUMENTS)).all()
    exact = ASKED.astype(np.float64) @ MATRIX.astype(np.float64).T
    np.testing.assert_allclose(np.take_along_axis(exact, rows, axis=1), -np.sort(-exact, axis=1), atol=1e-6)


def test_a_disk_without_room_is_told_before_it_is_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are mapped into memory: where the disk is full, the process would be killed."""
    needed = 2.5 * DOCUMENTS * DIMS * 4
    for free, is_enough in ((needed, True), (needed - 1, False)):
        monkeypatch.setattr("shutil.disk_usage", lambda folder, free=free: SimpleNamespace(free=free))
        if is_enough:
            filled("qdrant_exact", "float32").close()
            continue
        with pytest.raises(UserError, match=r"needs about 0 MB, and 0 are free in .*\n.*TMPDIR"):
            filled("qdrant_exact", "float32")
