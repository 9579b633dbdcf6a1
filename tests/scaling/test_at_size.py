"""Laws say again what a clock that is known said, at any size; what is not known is null, with the reason."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import evalkit.scaling.lists as lists_module
import evalkit.scaling.timing as timing_module
from evalkit.config import RunConfig
from evalkit.config.compose import compose
from evalkit.corpora import load_corpus
from evalkit.encoders import load_encoder
from evalkit.encoders.local.auto_runtime import named_runtime
from evalkit.measures.laws import BATCH, BUILD, SEARCH, SIZE, TERMS, Law, at_workload, fitted
from evalkit.scaling.at_size import OVERLAP, TIMED
from evalkit.scaling.cache_size import kib_or_mib, last_level_cache
from evalkit.scaling.filler import Filler, nearest_cosines
from evalkit.scaling.kept import AtSize
from evalkit.scaling.larger import double, innermost
from evalkit.scaling.scans import exhaustive_laws
from evalkit.scaling.vectors import CorpusLaws, configs_key, point_laws, why_not_at_size
from evalkit.search import DocumentSearcher, Searcher, Vectors, build, cut, operating_points

DIMS, DOCUMENTS, CACHE_BYTES = 32, 600, 2**20
Clock = Callable[[Any], float]


@pytest.fixture(scope="module")
def documents() -> np.ndarray:
    """Vectors around forty centres."""
    generator = np.random.default_rng(0)
    centres = generator.standard_normal((40, DIMS))
    return cut((centres[generator.integers(40, size=DOCUMENTS)] + generator.standard_normal((DOCUMENTS, DIMS))), DIMS)


@pytest.fixture
def small_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor whose cache a few thousand vectors fill."""
    monkeypatch.setattr("evalkit.scaling.vectors.last_level_cache", lambda: CACHE_BYTES)
    monkeypatch.setattr("evalkit.scaling.kept.last_level_cache", lambda: CACHE_BYTES)


def with_clock(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> list[int]:
    """Let every search take as many milliseconds as ``clock`` says of FAISS's index; the sizes that were asked."""
    asked: list[int] = []

    def timed(index: Any, *_: object) -> dict[str, float]:
        native = innermost(index)
        asked.append(native.ntotal)
        return {name: scale * clock(native) for name, scale in zip(TIMED, (1.0, 0.9, 1.5, 0.6), strict=True)}

    monkeypatch.setattr(timing_module, "timed", timed)
    monkeypatch.setattr(lists_module, "timed", timed)
    return asked


def laws_of(
    documents: np.ndarray, folder: Path, quantization: str, index: str, *overrides: str
) -> tuple[list[AtSize], Searcher, RunConfig]:
    config = compose("run", [f"quantization=[{quantization}]", f"index=[{index}]", *overrides])
    (stored,), (searched,) = config.quantization.values(), config.index.values()
    searcher = build(Vectors(documents, DIMS), np.arange(len(documents)), stored, searched)
    points = list(operating_points(index, searched, stored, 10))
    laws = CorpusLaws(config, documents, folder).of(stored, searched, searcher, points, documents[:20])
    return laws, searcher, config


def scan(native: Any) -> float:
    return 0.02 + 3e-6 * native.ntotal


def scan_with_cache(native: Any) -> float:
    fits = native.ntotal <= DOCUMENTS
    return 0.02 + (0.5e-6 if fits else 3e-6) * native.ntotal


def lists(native: Any) -> float:
    """As FAISS counts: every centre, and the mean length of as many lists as are searched."""
    nlist = getattr(native, "nlist", 0)
    if not nlist:
        return 1e-4 * native.ntotal  # the centres alone
    lengths = np.array([native.invlists.list_size(number) for number in range(nlist)])
    return 0.01 + 1e-4 * nlist + 5e-6 * native.nprobe * lengths.mean()


def graph(native: Any) -> float:
    return -0.3 + 0.08 * math.log(native.ntotal)


@pytest.mark.parametrize("quantization", ["float32", "int8", "binary", "pq", "rabitq", "binary_rescore"])
def test_an_exhaustive_search_takes_what_the_clock_says_at_any_size(
    quantization: str, documents: np.ndarray, tmp_path: Path, small_cache: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = with_clock(monkeypatch, scan_with_cache)
    (found,), searcher, _ = laws_of(documents, tmp_path, quantization, "flat", "at_workload_seconds=30")
    law = found.laws["search_ms_mean"]
    assert law.sizes == sorted(sizes) == [DOCUMENTS, sizes[1], 2 * sizes[1]]
    assert sizes[1] * found_bytes(searcher) >= 1.5 * CACHE_BYTES
    for vectors in (10**6, 10**8):
        assert law.at(vectors) == pytest.approx(0.02 + 3e-6 * vectors, rel=1e-3)
    assert law.at(DOCUMENTS) == pytest.approx(0.02 + 0.5e-6 * DOCUMENTS)
    assert law.at(DOCUMENTS) < law.at((DOCUMENTS + sizes[1]) / 2) < law.at(sizes[1])
    assert found.why[OVERLAP] == "it compares every vector"


def found_bytes(searcher: Searcher) -> float:
    native = innermost(searcher.index)
    return native.code_size if hasattr(native, "code_size") else DIMS / 8


@pytest.mark.parametrize("nlist", ["null", "50"])
def test_lists_take_what_the_clock_says_at_any_size(
    nlist: str, documents: np.ndarray, tmp_path: Path, small_cache: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_clock(monkeypatch, lists)
    monkeypatch.setattr(lists_module, "excess_of_lists", lambda *_: (1.0, 0.0))
    override = f"index.ivf.nlist={nlist}"
    found, *_ = laws_of(documents, tmp_path, "float32", "ivf", override, "at_workload_seconds=30")
    for nprobe, each in zip((4, 16), found, strict=True):
        for vectors in (10**6, 10**8):
            count = 50 if nlist == "50" else math.sqrt(vectors)
            expected = 0.01 + 1e-4 * count + 5e-6 * nprobe * vectors / count
            assert each.laws["search_ms_mean"].at(vectors) == pytest.approx(expected, rel=0.02)
            assert each.laws["search_ms_p95"].at(vectors) == pytest.approx(1.5 * expected, rel=0.02)


def test_queries_search_longer_lists_the_more_there_are(
    documents: np.ndarray, tmp_path: Path, small_cache: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there are 1,000 lists of which some are searched, the law has as many vectors as an index of that size."""
    with_clock(monkeypatch, lambda native: 1e-3 * (native.ntotal if not hasattr(native, "nlist") else 1))
    many = Filler(documents).vectors(40_000, DIMS)
    index = build(Vectors(many, DIMS), np.arange(len(many)), *configs("float32", "ivf"))
    nprobe, nlist = 4, innermost(index.index).nlist
    share = lists_module.searched_share(index.index, documents[:200], nprobe)
    small = build(Vectors(many[:4_096], DIMS), np.arange(4_096), *configs("float32", "ivf"))
    wide = build(Vectors(many[:4_096], DIMS), np.arange(4_096), *configs("float32", "ivf", nlist=256))
    question = type("Question", (), {"queries": documents[:200]})
    at_one, by_log = lists_module.excess_of_lists(small.index, wide.index, question, nprobe)
    assert at_one + by_log * math.log(nlist) == pytest.approx(share * nlist / nprobe, rel=0.1)


def configs(quantization: str, index: str, nlist: int | None = None) -> tuple[Any, Any]:
    config = compose("run", [f"quantization=[{quantization}]", f"index=[{index}]"])
    return config.quantization[quantization], replace(config.index[index], nlist=nlist)


def test_a_graph_takes_what_the_clock_says_at_any_size(
    documents: np.ndarray, tmp_path: Path, small_cache: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_clock(monkeypatch, graph)
    found, *_ = laws_of(documents, tmp_path, "float32", "hnsw", "at_workload_seconds=60")
    for each in found:
        assert each.laws["search_ms_mean"].at(10**8) == pytest.approx(-0.3 + 0.08 * math.log(10**8), rel=1e-3)
        assert each.laws[BUILD].at(10**6) > each.laws[BUILD].at(10**5) * 10
        assert each.overlap > 0.9
        assert each.overlap_size == each.laws["search_ms_mean"].sizes[-1]


def test_a_graph_whose_law_fails_at_the_largest_size_has_none(
    documents: np.ndarray, tmp_path: Path, small_cache: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_clock(monkeypatch, lambda native: 1e-9 * native.ntotal**2)
    found, *_ = laws_of(documents, tmp_path, "float32", "hnsw", "at_workload_seconds=60")
    for each in found:
        assert "its law doesn't hold" in each.why["search_ms_mean"]
        assert "search_ms_mean" not in each.laws


def test_a_graph_that_takes_too_long_says_what_it_would_take(
    documents: np.ndarray, tmp_path: Path, small_cache: None
) -> None:
    found, *_ = laws_of(documents, tmp_path, "float32", "hnsw", "at_workload_seconds=0.01")
    for each in found:
        reasons = why_not_at_size(each)
        assert "takes too long; at_workload_seconds=" in reasons["search_ms_mean_at_workload"]
        assert at_workload({}, {}, 10**6)["search_ms_mean_at_workload"] is None


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("at_workload_seconds=0", "at_workload_seconds=0"),
        ("memory_gb=0.001", "memory_gb"),
        ("search_device=cuda", "GPU"),
    ],
)
def test_what_has_no_law_says_why(override: str, reason: str, documents: np.ndarray, tmp_path: Path) -> None:
    (found,), *_ = laws_of(documents, tmp_path, "int8", "flat", override)
    assert reason in why_not_at_size(found)["search_ms_mean_at_workload"]
    assert found.laws == {}
    assert list(tmp_path.iterdir()) == [] or "memory_gb" in override


def test_laws_are_kept_for_the_same_machine_threads_and_vectors_alone(
    documents: np.ndarray, tmp_path: Path, small_cache: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = with_clock(monkeypatch, scan)
    first, *_ = laws_of(documents, tmp_path, "float32", "flat")
    count = len(measured)
    again, *_ = laws_of(documents, tmp_path, "float32", "flat")
    assert (first, len(measured)) == (again, count)
    (kept,) = (tmp_path / "laws").iterdir()
    kept.write_text(kept.read_text()[:-20])
    damaged, *_ = laws_of(documents, tmp_path, "float32", "flat")
    assert ([each.laws[SEARCH[0]] for each in damaged], len(measured)) == ([first[0].laws[SEARCH[0]]], 2 * count)
    laws_of(documents[::-1], tmp_path, "float32", "flat")
    laws_of(documents, tmp_path, "float32", "flat", "at_workload_seconds=2")
    monkeypatch.setattr("evalkit.scaling.kept.machine", lambda: {**machine(), "ram_bytes": 1})
    laws_of(documents, tmp_path, "float32", "flat")
    assert len(measured) == 5 * count
    assert sorted(file.suffix for file in (tmp_path / "laws").iterdir()) == [".json"] * 4


def machine() -> dict[str, Any]:
    from evalkit.results.provenance import machine as real

    return real()


@pytest.mark.parametrize("quantization", ["float32", "int8", "binary", "int8_rescore"])
@pytest.mark.parametrize("index", ["flat", "ivf"])
def test_bytes_at_another_size_are_those_of_an_index_of_that_size(
    quantization: str, index: str, documents: np.ndarray, tmp_path: Path
) -> None:
    (found, *_), searcher, config = laws_of(documents, tmp_path, quantization, index, "at_workload_seconds=0")
    (stored,), (searched,) = config.quantization.values(), config.index.values()
    law = point_laws(found, searcher, searched, documents, {"chunks_per_document": 1.0}, 10)[SIZE]
    many = np.concatenate([documents] * 9)[:5_041]  # 71 lists
    larger = build(Vectors(many, DIMS), np.arange(len(many)), stored, searched)
    assert sum(each.at(len(many)) for each in law) == pytest.approx(larger.built.index_bytes, rel=1e-4)


def test_what_comes_after_the_index_stays_and_chunks_count_as_often_as_they_are_searched(
    documents: np.ndarray, tmp_path: Path, small_cache: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two chunks each, searched once; on the corpus 0.5 ms went into something else."""
    with_clock(monkeypatch, scan)
    (found,), searcher, config = laws_of(documents, tmp_path, "float32", "flat")
    halves = np.arange(DOCUMENTS) // 2
    by_document = DocumentSearcher(searcher, halves, np.arange(DOCUMENTS // 2), 1)
    own = found.own
    figures = {name: own[name] + 0.5 for name in SEARCH} | {"chunks_per_document": 2.0}
    figures["search_queries_per_second"] = 1000 / (own[BATCH] + 0.5)
    (searched,) = config.index.values()
    laws = point_laws(found, by_document, searched, documents[:20], figures, 10)
    grown, on_top = laws["search_ms_mean"]
    searches = grown.terms["vectors"] / 3e-6
    assert searches > 0.999
    assert grown.at(10**6) == pytest.approx(searches * (0.02 + 3e-6 * 2 * 10**6), rel=1e-3)
    assert on_top.at(10**6) == pytest.approx(0.5 - (searches - 1) * own["search_ms_mean"], abs=1e-6)


def test_overlap_is_what_is_found_of_the_exact_first_ten_among_the_filler(
    documents: np.ndarray, tmp_path: Path, small_cache: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_clock(monkeypatch, lists)
    found, _, config = laws_of(documents, tmp_path, "int8", "ivf", "at_workload_seconds=30")
    (stored,), (searched,) = config.quantization.values(), config.index.values()
    filler = Filler(documents).vectors(found[0].overlap_size, DIMS)
    index = build(Vectors(filler, DIMS), np.arange(len(filler)), stored, searched)
    exact = np.argsort(-(documents[:20] @ filler.T), axis=1)[:, :10]
    for point, each in zip(operating_points("ivf", searched, stored, 10), found, strict=True):
        rows = index.at(point).find(documents[:20], 10).rows
        shares = [len(set(a) & set(b)) / 10 for a, b in zip(rows.tolist(), exact.tolist(), strict=True)]
        assert each.overlap == pytest.approx(np.mean(shares))


QUANTIZATIONS = ("float32", "int8", "pq_fast", "opq", "lsh", "rabitq4", "binary")
DOUBLED = [pair for pair in product(("flat", "ivf"), QUANTIZATIONS) if pair != ("ivf", "lsh")]  # FAISS has no such


@pytest.mark.parametrize(("index", "quantization"), DOUBLED)
def test_a_doubled_index_has_every_code_twice(quantization: str, index: str, documents: np.ndarray) -> None:
    stored, searched = configs(quantization, index)
    searcher = build(Vectors(documents, DIMS), np.arange(DOCUMENTS), stored, searched)
    before = searcher.index.search(documents[:5], 3).scores
    double(searcher.index)
    doubled = searcher.index.search(documents[:5], 6)
    assert innermost(searcher.index).ntotal == 2 * DOCUMENTS
    assert np.allclose(np.sort(doubled.scores)[:, ::-2], before, atol=1e-5)
    assert (doubled.rows >= 0).all()


@pytest.mark.parametrize(("fixed", "each"), [(0.0, 2e-5), (0.3, 1e-6), (5.0, 0.0)])
def test_a_fit_finds_the_line_that_points_lie_on(fixed: float, each: float) -> None:
    sizes = [1_000, 20_000, 400_000]
    found = fitted([(1, n) for n in sizes], [fixed + each * n for n in sizes])
    assert found == pytest.approx([fixed, each], abs=1e-7)


def test_noise_can_not_tilt_a_line_beyond_what_the_smallest_size_took() -> None:
    measured: Mapping[int, dict[str, float]] = {
        1_000: dict.fromkeys(TIMED, 0.05),
        30_000: dict.fromkeys(TIMED, 4.0),
        60_000: dict.fromkeys(TIMED, 6.0),  # a line through these two would begin at 2 ms
    }
    law = exhaustive_laws(measured, 1_000, 30_000)["search_ms_mean"]
    assert law.terms["one"] <= 0.05
    assert law.at(10**6) == pytest.approx(111, rel=0.05)


def test_every_term_is_what_its_name_says() -> None:
    values = {term: value(10**6) for term, value in TERMS.items()}
    log = math.log(10**6)
    assert values == pytest.approx(
        {
            **{"one": 1, "root": 1e3, "root_log": 1e3 * log, "vectors": 1e6, "log": log, "vectors_log": 1e6 * log},
            **{"vectors_root": 1e9, "trained": 1e5, "trained_root": 1e8},
        }
    )


def test_figures_at_the_workload_are_sums_of_their_stages() -> None:
    laws = {name: [Law({"vectors": 1e-6}), Law({"one": 2.0})] for name in (*SEARCH, BATCH, BUILD, SIZE)}
    figures = {"encode_query_ms_mean": 7.0, "encode_query_ms_p50": None, "encode_query_ms_p95": 9.0}
    found = at_workload(laws, figures, 10**6)
    assert (found["search_ms_mean_at_workload"], found["query_ms_mean_at_workload"]) == (3.0, 10.0)
    assert (found["query_ms_p50_at_workload"], found["query_ms_p95_at_workload"]) == (None, 12.0)
    assert found["search_queries_per_second_at_workload"] == pytest.approx(1000 / 3)


def test_filler_lies_as_near_to_its_neighbours_as_documents_do(documents: np.ndarray) -> None:
    filler = Filler(documents).vectors(DOCUMENTS, DIMS)
    assert np.linalg.norm(filler, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert not (filler[:, None, :] == documents[None, :50]).all(axis=2).any()
    of_filler, of_documents = (nearest_cosines(vectors, vectors) for vectors in (filler, documents))
    for percentile in (10, 50, 90):
        assert np.percentile(of_filler, percentile) == pytest.approx(np.percentile(of_documents, percentile), abs=0.05)


def test_filler_is_the_same_every_time_and_in_every_block(documents: np.ndarray) -> None:
    one, other = Filler(documents), Filler(documents)
    whole = one.vectors(20_000, DIMS)
    assert np.array_equal(whole, other.vectors(20_000, DIMS))
    assert np.array_equal(np.concatenate(list(other.between(15_000, 17_000, DIMS))), whole[15_000:17_000])


@pytest.mark.parametrize(("text", "value"), [("32768K", 2**25), ("32M\n", 2**25), ("512", 512), ("", 0), ("many", 0)])
def test_sizes_of_caches_are_read(text: str, value: int) -> None:
    assert kib_or_mib(text) == value


def test_this_machine_has_a_cache() -> None:
    assert 2**18 <= last_level_cache() <= 2**32


def test_filler_of_a_real_collection_lies_as_its_documents_do(shared_data: Path) -> None:
    config = compose("run", ["model=wordllama", "corpus=beir", f"corpus.beir.path={shared_data / 'cranfield'}"])
    encoder = load_encoder(config.model, named_runtime(config.runtime))
    encoder.load()
    texts = load_corpus("beir", config.corpus["beir"]).documents.texts
    vectors = cut(encoder.encode(list(texts), "document").vectors, encoder.dims)
    vectors = vectors[np.linalg.norm(vectors, axis=1) > 0]
    filler = Filler(vectors).vectors(len(vectors), encoder.dims)
    of_filler, of_documents = (np.percentile(nearest_cosines(each, each), (10, 50, 90)) for each in (filler, vectors))
    assert of_filler[1] == pytest.approx(of_documents[1], abs=0.03)
    assert of_filler == pytest.approx(of_documents, abs=0.1)


def test_a_corpus_beyond_the_cache_says_nothing_wrong_of_a_smaller_workload() -> None:
    """Timed among 30,000 and 60,000 of filler and the 200,000 of the corpus: 5,000 don't take what 200,000 do."""
    measured = {n: dict.fromkeys(TIMED, 0.05 + 1e-5 * n) for n in (30_000, 60_000, 200_000)}
    law = exhaustive_laws(measured, 200_000, 30_000)["search_ms_mean"]
    for vectors in (1, 5_000, 30_000, 10**6):
        assert law.at(vectors) == pytest.approx(0.05 + 1e-5 * vectors, rel=1e-3)


def test_what_a_quantization_is_called_beside_its_faiss_string_makes_no_kept_law_void() -> None:
    """The names that laws were kept under before quantizations said kind and bits, and indexes their engine."""
    key = configs_key(*configs("pq_rescore", "ivf"))
    assert set(key["quantization"]) == {"faiss", "rescore", "transform", "subvector_dims", "_target_", "options"}
    assert set(key["index"]) == {"faiss", "binary", "nlist", "search", "build_threads"}
