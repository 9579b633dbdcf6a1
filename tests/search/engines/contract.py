"""What every engine must do: a class of tests, which an engine's own tests inherit.

``EngineContract`` plans, opens, fills and searches small indexes. An engine's test class says what it is called, which
of its indexes compares every vector, and which quantizations each can keep.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from typing import ClassVar

import numpy as np
import pytest

from evalkit.arrays import FloatMatrix
from evalkit.config import IndexConfig, QuantizationConfig
from evalkit.config.compose import compose
from evalkit.config.input.files import group_choices
from evalkit.errors import UserError
from evalkit.measures.ranking import Ranking
from evalkit.search import Vectors, build, cut, engine_of, operating_points, plan
from evalkit.search.engine import Filter, Index, Payload
from evalkit.search.searcher import Searcher

DIMS, DOCUMENTS, QUERIES, K = 48, 700, 25, 10
QUANTIZATIONS = compose("run", [f"quantization=[{','.join(group_choices('quantization'))}]"]).quantization
IDS = [f"wörd {i}/{'x' * (i % 300)}" if i % 2 else f"{i:05d}" for i in range(DOCUMENTS)]


def clustered(rows: int, seed: int) -> np.ndarray:
    """Unit vectors around twenty centres, as those of texts lie: approximate indexes find most of the nearest."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(20, DIMS))
    return cut(centres[random.integers(0, 20, rows)] + 0.6 * random.normal(size=(rows, DIMS)), DIMS)


MATRIX, ASKED = clustered(DOCUMENTS, 1).astype(np.float32), clustered(QUERIES, 2).astype(np.float32)
PLACE = np.arange(DOCUMENTS)
LABELS = {"half": np.arange(DOCUMENTS) % 2, "rare": (np.arange(DOCUMENTS) % 100 == 0).astype(np.int64)}


def best_by_numpy(k: int, passing: np.ndarray | None = None) -> np.ndarray:
    """Rows of the ``k`` largest inner products of every query, among ``passing`` rows."""
    scores = ASKED.astype(np.float64) @ MATRIX.astype(np.float64).T
    if passing is not None:
        hidden = np.ones(DOCUMENTS, dtype=bool)
        hidden[passing] = False
        scores[:, hidden] = -np.inf
    return np.argsort(-scores, axis=1)[:, :k]


@cache
def configured(name: str) -> IndexConfig:
    """The file conf/index/<name>.yaml."""
    config: IndexConfig = compose("run", [f"index={name}"]).index[name]
    return config


def overlap(rows: np.ndarray, expected: np.ndarray) -> float:
    return float(
        np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(rows.tolist(), expected.tolist(), strict=True)])
    )


class EngineContract:
    """``exact`` is the key of the index that compares every vector, ``indexes`` of all others with what each keeps.

    The values of ``indexes`` are names of conf/quantization/ → the least overlap@10 with exact search.
    """

    engine: ClassVar[str]
    exact: ClassVar[str]
    indexes: ClassVar[dict[str, dict[str, float]]]
    refused: ClassVar[list[tuple[str, str, int]]] = []  # quantization, index, dims

    def index(self, name: str) -> IndexConfig:
        return deepcopy(configured(name))

    def built(self, name: str, quantization: str = "float32") -> Searcher:
        documents = Vectors(MATRIX, DIMS)
        return build(documents, PLACE, QUANTIZATIONS[quantization], self.index(name), payload=Payload(IDS, LABELS))

    @contextmanager
    def opened(self, name: str, quantization: QuantizationConfig = QUANTIZATIONS["float32"]) -> Iterator[Index]:
        """An index of all documents, at its first operating point."""
        config = self.index(name)
        planned = plan(DIMS, DOCUMENTS, quantization, config)
        with engine_of(quantization, config).open(planned) as index:
            index.fill(Vectors(MATRIX, DIMS), Payload(IDS, LABELS))
            index.set(next(operating_points(name, config, quantization, K)).parameters)
            yield index

    def test_exact_search_is_numpys(self) -> None:
        with self.built(self.exact) as searcher:
            found = searcher.rank(ASKED, K)
            alone = searcher.find(ASKED[:1], K)
        assert found.rows.tolist() == best_by_numpy(K).tolist()
        assert alone.rows[0].tolist() == found.rows[0].tolist()
        expected = np.take_along_axis(ASKED @ MATRIX.T, found.rows, axis=1)
        np.testing.assert_allclose(found.scores, expected, atol=2e-6)

    def test_every_index_with_every_quantization_finds_most_of_the_nearest(self) -> None:
        found = {}
        for name, quantizations in self.indexes.items():
            for quantization, least in quantizations.items():
                with self.built(name, quantization) as searcher:
                    points = operating_points(name, self.index(name), QUANTIZATIONS[quantization], K)
                    overlaps = [overlap(searcher.at(p).rank(ASKED, K).rows, best_by_numpy(K)) for p in points]
                found[name, quantization] = max(overlaps), least
        assert {cell: reached for cell, (reached, least) in found.items() if reached < least} == {}

    def test_facts_name_the_engine_and_prove_what_is_in_use(self) -> None:
        for name in (self.exact, *self.indexes):
            with self.opened(name) as index:
                facts = index.facts()
            assert facts.name == self.engine
            assert facts.version
            assert facts.proof
            assert facts.unproven == ""
            assert facts.index_bytes is not None or "index_bytes" in facts.reasons

    def test_what_re_orders_scores_by_inner_products_of_the_vectors(self) -> None:
        kept = [(name, each) for name, all_ in self.indexes.items() for each in all_ if each.endswith("_rescore")]
        rows = np.array([[3, DOCUMENTS - 1, -1, 0], [5, -1, -1, 41]])
        exact = np.take_along_axis(ASKED[:2] @ MATRIX.T, np.maximum(rows, 0), axis=1)
        for name, quantization in kept[:2]:
            with self.opened(name, QUANTIZATIONS[quantization]) as index:
                scores = index.rescoring.scores(ASKED[:2], rows)
                refined = index.rescoring.search(ASKED, K, DOCUMENTS)
            np.testing.assert_allclose(scores, np.where(rows < 0, -np.inf, exact), atol=2e-6)
            if refined is not None:  # of all documents as candidates
                assert overlap(refined.rows, best_by_numpy(K)) > 0.98

    def test_a_filter_finds_the_best_of_what_passes(self) -> None:
        config = self.index(self.exact)
        if not engine_of(QUANTIZATIONS["float32"], config).filters:
            pytest.skip("it filters nothing")
        with self.opened(self.exact) as index:
            for column, k in (("half", K), ("rare", 5)):
                passing = np.flatnonzero(LABELS[column] == 1)
                found = index.search(ASKED, k, Filter(column, 1, passing))
                assert found.rows.tolist() == best_by_numpy(k, passing).tolist()
            rare = Filter("rare", 1, np.flatnonzero(LABELS["rare"] == 1))
            assert (index.search(ASKED, K, rare).rows >= 0).sum() == QUERIES * len(rare.passing)

    def test_what_any_index_finds_under_a_filter_passes_it_once(self) -> None:
        """It may find fewer than it is asked for, and nothing else instead, also where it re-orders."""
        rare = Filter("rare", 1, np.flatnonzero(LABELS["rare"] == 1))
        for name, quantizations in self.indexes.items():
            quantization = next(
                (each for each in quantizations if each.endswith("_rescore")), next(iter(quantizations))
            )
            if not engine_of(QUANTIZATIONS[quantization], self.index(name)).filters:
                pytest.skip("it filters nothing")
            with self.opened(name, QUANTIZATIONS[quantization]) as index:
                rankings = [index.search(ASKED, K, rare)]
                if index.rescoring is not None:
                    rankings.append(index.rescoring.search(ASKED, K, 2 * K, rare))
            for found in [ranking for ranking in rankings if ranking is not None]:
                for rows in found.rows:
                    known = rows[rows >= 0].tolist()
                    assert set(known) <= set(rare.passing.tolist())
                    assert len(set(known)) == len(known)

    def test_filling_leaves_the_first_search_to_whoever_times_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        name = next(iter(self.indexes), self.exact)
        with self.built(name) as searcher:
            kind = type(searcher.index)
        searched: list[int] = []
        original = kind.search

        def search(index: Index, queries: FloatMatrix, k: int, keep: Filter | None = None) -> Ranking:
            searched.append(len(queries))
            return original(index, queries, k, keep)

        monkeypatch.setattr(kind, "search", search)
        with self.built(name) as searcher:
            assert searched == []
            searcher.find(ASKED[:1], K)
        assert searched == [1]

    def test_threads_search_at_once(self) -> None:
        expected = best_by_numpy(K).tolist()
        wrong: list[int] = []

        def client(number: int) -> None:
            for i in range(number, QUERIES, 4):
                if index.search(ASKED[i : i + 1], K).rows[0].tolist() != expected[i]:
                    wrong.append(i)

        with self.opened(self.exact) as index:
            threads = [threading.Thread(target=client, args=(number,)) for number in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert wrong == []

    def test_another_search_parameter_is_refused_before_anything_is_built(self) -> None:
        config = self.index(self.exact)
        config.search = {"no_such_parameter": [1]}
        with pytest.raises(UserError, match="no parameter 'no_such_parameter'"):
            plan(DIMS, DOCUMENTS, QUANTIZATIONS["float32"], config)

    def test_what_it_can_not_keep_is_refused_before_anything_is_built(self) -> None:
        for quantization, name, dims in self.refused:
            with pytest.raises(UserError) as refusal:
                plan(dims, DOCUMENTS, QUANTIZATIONS[quantization], self.index(name))
            assert refusal.value.hint
