"""Every quantization and index of conf/: built, searched, counted, and refused in words where FAISS can't."""

from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.config import IndexConfig, QuantizationConfig, RescoreConfig, RunConfig
from evalkit.config.compose import compose
from evalkit.config.input.files import group_choices
from evalkit.errors import UserError
from evalkit.measures.ranking import tie_order
from evalkit.search import OperatingPoint, Searcher, Vectors, build, cut, operating_points, plan
from evalkit.search.engines import in_process
from evalkit.search.engines.faiss.exact import TorchFlatIndex
from evalkit.vectors import matrix

ALL = f"quantization=[{','.join(group_choices('quantization'))}]"
CONFIG: RunConfig = compose("run", [ALL, "index=[flat,hnsw,ivf]"])
QUANTIZATIONS, INDEXES = CONFIG.quantization, CONFIG.index
IMPOSSIBLE = {("hnsw", "pq_fast"), ("hnsw", "lsh"), ("ivf", "lsh")}
BY_L2 = {("hnsw", q) for q in ("pq", "pq_rescore", "opq", "rabitq", "rabitq4", "rabitq_rescore")}
FLAT = INDEXES["flat"]


def clustered(rows: int, dims: int, seed: int = 0) -> np.ndarray:
    """Unit vectors around 20 centres, as texts of 20 subjects have them."""
    generator = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(20, dims))
    return cut(
        (centres[generator.integers(0, 20, rows)] + generator.normal(size=(rows, dims))).astype(np.float32), dims
    )


def searcher(
    documents: np.ndarray, quantization: QuantizationConfig, index: IndexConfig = FLAT, device: str = "cpu"
) -> Searcher:
    place = tie_order([f"d{i}" for i in range(len(documents))])
    return build(Vectors(documents, documents.shape[1]), place, quantization, index, device=device)


def exact(documents: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    return np.argsort(-(queries @ documents.T), axis=1, kind="stable")[:, :k]


def overlap(rows: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(rows.tolist(), wanted.tolist(), strict=True)]))


BYTES = {  # name: (64 dims, 50 dims)
    "float32": (256, 200),
    "float16": (128, 100),
    "bfloat16": (128, 100),
    "int8": (64, 50),
    "int6": (48, 38),
    "int4": (32, 25),
    "pq": (8, 7),
    "pq_fast": (8, 7),
    "opq": (8, 7),
    "rabitq": (8 + 8, 7 + 8),
    "lsh": (8, 7),
    "binary": (8, 7),
    "int8_rescore": (64 + 256, 50 + 200),
    "int4_rescore": (32 + 256, 25 + 200),
    "pq_rescore": (8 + 256, 7 + 224),  # filled up to 56 dims for both
    "rabitq_rescore": (16 + 256, 15 + 200),
    "binary_rescore": (8 + 256, 7 + 200),
}


@pytest.mark.parametrize(("name", "dims"), [(n, d) for n in QUANTIZATIONS for d in (64, 50) if (n, d) != ("opq", 64)])
def test_every_quantization_is_searched_flat_at_any_width_and_its_bytes_are_counted(name: str, dims: int) -> None:
    documents, queries = clustered(320, dims), clustered(20, dims, seed=1)
    made = searcher(documents, QUANTIZATIONS[name])
    ranking = made.rank(queries, 10)
    assert all(len(set(rows)) == 10 and min(rows) >= 0 for rows in ranking.rows.tolist())
    assert (np.diff(ranking.scores, axis=1) <= 0).all()
    assert overlap(ranking.rows, exact(documents, queries, 10)) > 0.25
    if name in BYTES:
        assert made.built.bytes_per_vector == pytest.approx(BYTES[name][dims == 50], abs=0.2 if "fast" in name else 0)
    # rabitq4's layout is FAISS's own affair: at least its bits, at most those and a few factors
    else:
        assert dims / 2 < (made.built.bytes_per_vector or 0) < dims / 2 + 32


@pytest.mark.parametrize(("index", "name"), list(product(["hnsw", "ivf"], QUANTIZATIONS)))
def test_every_quantization_fits_every_index_or_is_refused_in_words(index: str, name: str) -> None:
    dims = 32
    if (index, name) in IMPOSSIBLE:
        with pytest.raises(UserError, match=r"FAISS can't build"):
            plan(dims, 400, QUANTIZATIONS[name], INDEXES[index])
        return
    documents, queries = clustered(400, dims), clustered(20, dims, seed=1)
    made = searcher(documents, QUANTIZATIONS[name], INDEXES[index])
    flat = searcher(documents, QUANTIZATIONS[name])
    assert made.index.metric == ("l2" if (index, name) in BY_L2 else flat.index.metric)
    wanted = exact(documents, queries, 10)
    overlaps = []
    for point in operating_points(index, INDEXES[index], QUANTIZATIONS[name], serve_k=10):
        ranking = made.at(point).rank(queries, 10)
        assert (np.diff(ranking.scores, axis=1) <= 0).all()
        overlaps.append(overlap(ranking.rows, wanted))
    assert overlaps[-1] > overlap(flat.rank(queries, 10).rows, wanted) - 0.2, overlaps


def test_trap_6_what_an_index_searches_by_is_told() -> None:
    metrics = {name: plan(64, 1_000, quantization, FLAT).metric for name, quantization in QUANTIZATIONS.items()}
    assert {metrics.pop(name) for name in ("binary", "binary_rescore", "lsh")} == {"hamming"}
    assert set(metrics.values()) == {"inner_product"}
    assert plan(64, 1_000, QUANTIZATIONS["pq"], INDEXES["hnsw"]).metric == "l2"


@pytest.mark.parametrize(
    ("name", "index", "dims", "documents", "least"),
    [
        ("opq", "flat", 384, 300, "384"),
        ("opq", "flat", 64, 255, "256"),
        ("pq", "flat", 64, 255, "256"),
        ("pq_fast", "flat", 64, 15, "16"),
        ("pq", "hnsw", 64, 255, "256"),
    ],
)
def test_too_few_documents_to_train_on_are_refused_with_the_smallest_number(
    name: str, index: str, dims: int, documents: int, least: str
) -> None:
    with pytest.raises(UserError, match=rf"at least {least} documents, there are {documents}"):
        plan(dims, documents, QUANTIZATIONS[name], INDEXES[index])
    plan(dims, int(least), QUANTIZATIONS[name], INDEXES[index])


def test_more_clusters_than_documents_are_refused() -> None:
    with pytest.raises(UserError, match="at least 64 documents, there are 63"):
        plan(8, 63, QUANTIZATIONS["float32"], IndexConfig("IVF{nlist},{quantization}", nlist=64))


def test_clusters_are_the_square_root_of_the_documents_unless_set() -> None:
    planned = plan(8, 10_000, QUANTIZATIONS["float32"], INDEXES["ivf"])
    assert planned.words == "IVF100,Flat"


def test_all_clusters_searched_is_exact_search() -> None:
    documents, queries = clustered(500, 24), clustered(20, 24, seed=1)
    made = searcher(documents, QUANTIZATIONS["float32"], INDEXES["ivf"])
    made.index.set({"nprobe": 22})
    assert overlap(made.rank(queries, 10).rows, exact(documents, queries, 10)) == 1
    made.index.set({"nprobe": 1})
    assert overlap(made.rank(queries, 10).rows, exact(documents, queries, 10)) < 1


def test_each_value_of_a_search_parameter_is_an_operating_point() -> None:
    index = IndexConfig("HNSW8_{quantization}", search={"efSearch": [16, 64]})
    assert list(operating_points("hnsw", index, QUANTIZATIONS["float32"], serve_k=10)) == [
        OperatingPoint("hnsw(efSearch=16)", {"efSearch": 16}, None),
        OperatingPoint("hnsw(efSearch=64)", {"efSearch": 64}, None),
    ]
    assert list(operating_points("flat", FLAT, QUANTIZATIONS["float32"], serve_k=10)) == [
        OperatingPoint("flat", {}, None)
    ]


def test_a_search_parameter_that_the_index_lacks_is_refused() -> None:
    for name in ("float32", "binary"):
        with pytest.raises(UserError, match="no parameter 'nprobe'"):
            plan(8, 100, QUANTIZATIONS[name], replace(FLAT, search={"nprobe": [3]}))
        made = searcher(clustered(100, 8), QUANTIZATIONS[name])
        with pytest.raises(UserError, match="no parameter 'nprobe'"):
            made.index.set({"nprobe": 3})


@pytest.mark.parametrize("threads", [1, 2])
def test_a_graph_is_the_same_however_many_threads_there_are(threads: int) -> None:
    import faiss

    documents, queries = clustered(600, 16), clustered(30, 16, seed=1)
    faiss.omp_set_num_threads(threads)
    found = [searcher(documents, QUANTIZATIONS["int8"], INDEXES["hnsw"]).rank(queries, 10).rows for _ in range(2)]
    assert faiss.omp_get_max_threads() == threads
    assert found[0].tolist() == found[1].tolist()


@pytest.mark.parametrize("name", ["int4_rescore", "int8_rescore", "pq_rescore", "rabitq_rescore", "binary_rescore"])
@pytest.mark.parametrize("store", ["float32", "float16", "int8"])
def test_what_is_timed_is_what_is_ranked_when_rescoring(name: str, store: str) -> None:
    documents, queries = clustered(400, 50), clustered(20, 50, seed=1)
    given_ = QUANTIZATIONS[name]
    factor = 40 if name == "binary_rescore" else 4  # with fewer, which of many tied candidates are kept is open
    rescored = QuantizationConfig(given_.faiss, RescoreConfig(store, factor), subvector_dims=given_.subvector_dims)
    made = searcher(documents, rescored)
    assert (made.rescoring.search(queries, 10, 40) is None) == (name == "binary_rescore")
    found, ranking = made.find(queries, 10), made.rank(queries, 10)
    assert overlap(found.rows, ranking.rows) > 0.97
    np.testing.assert_allclose(found.scores, ranking.scores, atol=0.01)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 1_000), st.sampled_from(["SQ4", "RaBitQ", "PQ8np", "BFlat"]))
def test_more_oversampling_never_lowers_the_overlap_of_a_flat_index(seed: int, factory: str) -> None:
    documents, queries = clustered(300, 24, seed), clustered(5, 24, seed + 1)
    wanted = exact(documents, queries, 10)
    overlaps = [
        overlap(
            searcher(documents, QuantizationConfig(factory, RescoreConfig("float32", f))).rank(queries, 10).rows, wanted
        )
        for f in (1, 2, 4, 8, 30)
    ]
    assert overlaps == sorted(overlaps)
    assert overlaps[-1] == 1


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 1_000))
def test_more_bits_find_more_of_what_exact_search_finds(seed: int) -> None:
    documents, queries = clustered(1_000, 32, seed), clustered(100, 32, seed + 1)
    wanted = exact(documents, queries, 10)
    found = {
        name: overlap(searcher(documents, QUANTIZATIONS[name]).rank(queries, 10).rows, wanted)
        for name in ("binary", "rabitq", "int4", "int6", "int8", "float16", "float32")
    }
    values = list(found.values())
    assert all(later >= earlier - 0.01 for earlier, later in pairwise(values)), found


def test_torch_on_a_device_finds_what_faiss_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix, "BLOCK_BYTES", 70 * 24 * 4)
    documents, queries = clustered(500, 24), clustered(20, 24, seed=1)
    expected = searcher(documents, QUANTIZATIONS["float32"])
    monkeypatch.setattr(in_process, "exact_on_device", lambda device: TorchFlatIndex("cpu"))
    made = searcher(documents, QUANTIZATIONS["float32"])
    assert isinstance(made.index.main, TorchFlatIndex)
    for k in (1, 10, 600):
        found, wanted = made.rank(queries, k), expected.rank(queries, k)
        assert (found.rows == wanted.rows).mean() > 0.999
        np.testing.assert_allclose(found.scores, wanted.scores, atol=1e-6)
    assert made.built.bytes_per_vector == 96


def test_what_can_not_be_searched_on_a_device_is_refused() -> None:
    with pytest.raises(UserError, match="only flat float32"):
        searcher(clustered(50, 8), QUANTIZATIONS["int8"], device="cuda")


OWN = """
import numpy as np

class Signs:
    bytes_per_vector = 4

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale

    def train(self, documents: np.ndarray) -> None:
        self.codes = np.sign(documents)

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        scores = self.scale * np.sign(queries) @ self.codes.T
        rows = np.argsort(-scores, axis=1)[:, :k]
        return np.take_along_axis(scores, rows, axis=1), rows
"""


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "signs_of_mine.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.usefixtures("own_module")
def test_an_own_quantizer_is_a_class_with_train_and_search() -> None:
    documents, queries = clustered(300, 32), clustered(10, 32, seed=1)
    own = QuantizationConfig(_target_="signs_of_mine.Signs", options={"scale": 2.0})
    made = searcher(documents, own)
    binary = searcher(documents, QUANTIZATIONS["binary"]).rank(queries, 10)
    np.testing.assert_allclose(made.rank(queries, 10).scores, binary.scores * 32 * 2, atol=1e-4)
    assert (made.built.bytes_per_vector, made.built.index_bytes) == (4, 1_200)
    rescored = searcher(documents, QuantizationConfig(_target_=own._target_, rescore=RescoreConfig("float32", 30)))
    assert overlap(rescored.rank(queries, 10).rows, exact(documents, queries, 10)) == 1


@pytest.mark.usefixtures("own_module")
@pytest.mark.parametrize(
    ("target", "index", "expected"),
    [
        ("nowhere.Nothing", FLAT, "can't be made"),
        ("collections.OrderedDict", FLAT, r"has no train\(\)"),
        ("signs_of_mine.Signs", INDEXES["hnsw"], "fits no other index"),
    ],
)
def test_an_own_quantizer_that_can_not_be_used_is_refused(target: str, index: IndexConfig, expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        plan(8, 100, QuantizationConfig(_target_=target), index)


@pytest.mark.parametrize("string", ["SQ5", "PQ{bytes}", "{"])
def test_a_string_that_means_nothing_is_refused(string: str) -> None:
    with pytest.raises(UserError):
        plan(8, 100, QuantizationConfig(string), FLAT)


@pytest.mark.parametrize(("transform", "least"), [("PCA8", 16), ("RR16", 1)])
def test_any_transform_of_faiss_can_stand_before_a_fragment(transform: str, least: int) -> None:
    quantization = QuantizationConfig("Flat", transform=transform)
    documents = clustered(300, 16)
    assert overlap(searcher(documents, quantization).rank(documents[:9], 1).rows, np.arange(9)[:, None]) > 0.8
    plan(16, least, quantization, FLAT)
    if least > 1:
        with pytest.raises(UserError, match=f"at least {least} documents"):
            plan(16, least - 1, quantization, FLAT)
