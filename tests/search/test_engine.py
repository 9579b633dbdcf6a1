"""An engine is one file, a line in the registry and a YAML: proved by one that FAISS has no part in."""

import ast
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.config import IndexConfig, QuantizationConfig, RescoreConfig
from evalkit.config.compose import compose
from evalkit.config.input.files import group_choices
from evalkit.errors import UserError
from evalkit.measures.ranking import Ranking, tie_order
from evalkit.scaling.vectors import CorpusLaws, why_not_at_size
from evalkit.search import DocumentSearcher, Vectors, build, cut, engine_of, operating_points, plan
from evalkit.search.engine import ENGINES, Built, EngineFacts, Filter, Payload, Plan, Resources, no_parameter

QUANTIZATIONS = compose("run", [f"quantization=[{','.join(group_choices('quantization'))}]"]).quantization
FLOAT32 = QUANTIZATIONS["float32"]
FLAT = IndexConfig("{quantization}")
NUMPY = IndexConfig(engine="numpy", search={"share": [50, 100]}, options={"label": "exact"})
SEARCH = Path(__file__).resolve().parents[2] / "evalkit" / "search"


class NumpyEngine:
    """Exact search by a matrix product, of float32 or of signs; ``share`` is the percentage of rows it looks at."""

    closed: list[str] = []  # noqa: RUF012
    filters = False

    def plan(
        self, dims: int, documents: int, quantization: QuantizationConfig, index: IndexConfig, resources: Resources
    ) -> Plan:
        keep = {("float", 32): "inner_product", ("binary", 1): "hamming"}.get((quantization.kind, quantization.bits))
        if keep is None or quantization.rescore is not None:
            raise UserError("the engine numpy keeps float32 and signs alone.", "Use quantization=float32 or binary.")
        if unknown := set(index.search) - {"share"}:
            raise no_parameter(unknown.pop())
        return Plan("numpy", f"{keep}({dims})", dims, documents, quantization, index, keep, True, resources)

    @contextmanager
    def open(self, plan: Plan) -> Iterator["NumpyIndex"]:
        try:
            yield NumpyIndex(plan)
        finally:
            self.closed.append(plan.words)


class NumpyIndex:
    rescoring = None

    def __init__(self, plan: Plan) -> None:
        self.plan, self.metric, self.share = plan, plan.metric, 100

    def kept(self, vectors: np.ndarray) -> np.ndarray:
        return vectors if self.metric == "inner_product" else np.where(vectors > 0, 1, -1)

    def fill(self, documents: Vectors, payload: Payload) -> Built:
        self.matrix = np.concatenate([self.kept(block.copy()) for _, block in documents.blocks()])
        if self.plan.index.options.get("fails"):
            raise OSError("the disk is full")
        return Built(0.1, 0.0, 0, self.facts().index_bytes, self.facts().bytes_per_vector)

    def set(self, parameters: Mapping[str, Any]) -> None:
        self.share = parameters.get("share", 100)

    def search(self, queries: np.ndarray, k: int, keep: Filter | None = None) -> Ranking:
        looked_at = self.matrix[: len(self.matrix) * self.share // 100]
        scores = self.kept(queries) @ looked_at.T
        if self.metric == "hamming":
            hamming = (self.plan.dims - scores) // 2
            scores = hamming.astype(np.float32) * np.float32(-2 / self.plan.dims) + np.float32(1)
        rows = np.argsort(-scores, axis=1)[:, :k]
        return Ranking(rows, np.take_along_axis(scores, rows, axis=1))

    def facts(self) -> EngineFacts:
        per_vector = self.plan.dims * (self.plan.quantization.bits or 0) / 8
        nbytes = round(per_vector * len(self.matrix))
        return EngineFacts("numpy", np.__version__, nbytes, per_vector, {"index": type(self).__name__})


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENGINES, "numpy", f"{__name__}:NumpyEngine")
    monkeypatch.setattr(NumpyEngine, "closed", [])


def vectors(rows: int, dims: int = 24, seed: int = 0) -> np.ndarray:
    return cut(np.random.default_rng(seed).normal(size=(rows, dims)), dims)


DOCUMENTS, QUERIES = Vectors(vectors(500), 24), vectors(20, seed=1)
PLACE = tie_order([f"d{i}" for i in range(500)])


def test_a_life_is_plan_open_fill_set_search_facts_and_close() -> None:
    planned = plan(24, 500, FLOAT32, NUMPY)
    assert (planned.words, planned.exhaustive, NumpyEngine.closed) == ("inner_product(24)", True, [])
    with engine_of(FLOAT32, NUMPY).open(planned) as index:
        index.fill(DOCUMENTS, Payload())
        index.set({"share": 50})
        assert index.search(QUERIES, 500).rows.shape == (20, 250)
        index.set({"share": 100})
        rows = index.search(QUERIES, 10).rows
        facts = index.facts()
    assert rows.tolist() == build(DOCUMENTS, PLACE, FLOAT32, FLAT).find(QUERIES, 10).rows.tolist()
    assert (facts.name, facts.index_bytes, facts.bytes_per_vector) == ("numpy", 500 * 24 * 4, 96)
    assert NumpyEngine.closed == ["inner_product(24)"]


@pytest.mark.parametrize("name", ["float32", "binary"])
def test_a_searcher_ranks_by_another_engine_as_it_does_by_faiss(name: str) -> None:
    """Ties of signs are many, and settled alike."""
    own = build(DOCUMENTS, PLACE, QUANTIZATIONS[name], NUMPY)
    by_faiss = build(DOCUMENTS, PLACE, QUANTIZATIONS[name], FLAT)
    assert own.index.metric == by_faiss.index.metric
    ranking, expected = own.rank(QUERIES, 100, served=10), by_faiss.rank(QUERIES, 100, served=10)
    assert ranking.rows.tolist() == expected.rows.tolist()
    np.testing.assert_allclose(ranking.scores, expected.scores, atol=1e-6)
    chunked = [DocumentSearcher(made, np.arange(500) // 2, PLACE[:250], 2) for made in (own, by_faiss)]
    assert chunked[0].rank(QUERIES, 20).rows.tolist() == chunked[1].rank(QUERIES, 20).rows.tolist()


def test_each_operating_point_is_set_in_the_one_built_index() -> None:
    made = build(DOCUMENTS, PLACE, FLOAT32, NUMPY)
    few, all_of_them = (made.at(point) for point in operating_points("numpy", NUMPY, FLOAT32, 10))
    assert few.index is all_of_them.index
    assert all_of_them.find(QUERIES, 500).rows.shape == (20, 500)
    few = made.at(next(operating_points("numpy", NUMPY, FLOAT32, 10)))
    assert few.find(QUERIES, 500).rows.shape == (20, 250)


def test_a_searcher_closes_what_was_opened_when_it_is_left_or_forgotten() -> None:
    with build(DOCUMENTS, PLACE, FLOAT32, NUMPY) as made:
        made.find(QUERIES, 10)
        assert NumpyEngine.closed == []
    assert len(NumpyEngine.closed) == 1
    made.close()
    assert len(NumpyEngine.closed) == 1
    forgotten = build(DOCUMENTS, PLACE, FLOAT32, NUMPY)
    del forgotten
    assert len(NumpyEngine.closed) == 2


def test_what_fails_while_it_is_filled_is_closed() -> None:
    with pytest.raises(OSError, match="full"):
        build(DOCUMENTS, PLACE, FLOAT32, IndexConfig(engine="numpy", options={"fails": True}))
    assert NumpyEngine.closed == ["inner_product(24)"]


@pytest.mark.parametrize(
    ("quantization", "index", "expected"),
    [
        (QUANTIZATIONS["int8"], NUMPY, "keeps float32 and signs alone"),
        (QUANTIZATIONS["binary_rescore"], NUMPY, "keeps float32 and signs alone"),
        (QuantizationConfig("Flat"), NUMPY, "it says no kind"),
        (QuantizationConfig("Flat", kind="flaot", bits=32), FLAT, "Did you mean 'float'"),
        (FLOAT32, IndexConfig("{quantization}", engine="fais"), "Did you mean 'faiss'"),
        (FLOAT32, IndexConfig("{quantization}", engine="no_module:Engine"), "can't be loaded"),
        (FLOAT32, IndexConfig("{quantization}", engine="numpy:Engine"), "can't be loaded"),
        (FLOAT32, IndexConfig(engine="numpy", search={"nprobe": [1]}), "no parameter 'nprobe'"),
        (FLOAT32, IndexConfig("{quantization}", search={"nprobe": [1]}), "no parameter 'nprobe'"),
        (FLOAT32, IndexConfig(), "no template for the engine faiss"),
        (FLOAT32, IndexConfig(engine="own"), "serves classes of your own"),
        (QuantizationConfig(_target_="a.B"), NUMPY, "it says no kind"),
    ],
)
def test_what_an_engine_can_not_do_is_refused_by_its_plan(
    quantization: QuantizationConfig, index: IndexConfig, expected: str
) -> None:
    with pytest.raises(UserError, match=expected):
        plan(24, 500, quantization, index)


def test_an_engine_of_ones_own_is_named_by_module_and_class() -> None:
    index = IndexConfig(engine=f"{__name__}:NumpyEngine")
    assert isinstance(engine_of(FLOAT32, index), NumpyEngine)


def test_a_yaml_is_all_that_a_config_of_another_engine_takes(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "by_hand.yaml").write_text("by_hand:\n  engine: numpy\n  search: {share: [100]}\n")
    config = compose("run", ["--config-dir", str(tmp_path), "index=[flat,by_hand]"])
    made = [build(DOCUMENTS, PLACE, FLOAT32, config.index[name]).rank(QUERIES, 10) for name in ("flat", "by_hand")]
    assert made[0].rows.tolist() == made[1].rows.tolist()


def test_a_config_without_kind_and_bits_is_what_it_was_for_faiss() -> None:
    for name in ("int8", "pq", "binary_rescore", "lsh"):
        said = QUANTIZATIONS[name]
        silent = QuantizationConfig(said.faiss, said.rescore, subvector_dims=said.subvector_dims)
        assert silent.kind is None
        rankings = [build(DOCUMENTS, PLACE, quantization, FLAT).rank(QUERIES, 10) for quantization in (said, silent)]
        np.testing.assert_array_equal(rankings[0].rows, rankings[1].rows)
        np.testing.assert_array_equal(rankings[0].scores, rankings[1].scores)


@pytest.mark.parametrize(
    ("quantization", "index", "classes", "codes"),
    [
        ("float32", FLAT, "IndexFlat", "96 bytes"),
        ("int8", FLAT, "IndexScalarQuantizer", "ScalarQuantizer QT_8bit, 24 bytes"),
        ("int8", IndexConfig("HNSW8_{quantization}"), "IndexHNSWSQ > IndexScalarQuantizer", "QT_8bit"),
        ("int4", IndexConfig("IVF8,{quantization}"), "IndexIVFScalarQuantizer", "QT_4bit, 12 bytes"),
        ("opq", FLAT, "IndexPreTransform > IndexPQ", "3 bytes"),
        ("binary", FLAT, "IndexBinaryFlat", "3 bytes"),
    ],
)
def test_facts_prove_which_index_and_codes_faiss_uses(
    quantization: str, index: IndexConfig, classes: str, codes: str
) -> None:
    import faiss

    made = build(DOCUMENTS, PLACE, QUANTIZATIONS[quantization], index)
    facts = made.index.facts()
    assert (facts.name, facts.version) == ("faiss", faiss.__version__)
    assert facts.proof["index"] == classes
    assert codes in facts.proof["codes"]
    write = faiss.serialize_index_binary if quantization == "binary" else faiss.serialize_index
    assert facts.index_bytes == len(write(made.index.main.index))


def test_facts_prove_the_finer_copy_too() -> None:
    quantization = QuantizationConfig("BFlat", RescoreConfig("float16"))
    facts = build(DOCUMENTS, PLACE, quantization, FLAT).index.facts()
    assert facts.proof["finer codes"] == "ScalarQuantizer QT_fp16, 48 bytes"
    assert facts.bytes_per_vector == 3 + 48


@pytest.mark.parametrize("dims", [64, 50])
@pytest.mark.parametrize("name", QUANTIZATIONS)
def test_kind_and_bits_agree_with_the_bytes_that_are_kept(name: str, dims: int) -> None:
    quantization = QUANTIZATIONS[name]
    documents = Vectors(vectors(320, dims), dims)
    per_vector = build(documents, np.arange(320), quantization, FLAT).built.bytes_per_vector
    together = quantization.subvector_dims or 1
    parts = -(-dims // together)
    factors = {("rabitq", 1): 8, ("rabitq", 4): 20}.get((quantization.kind, quantization.bits), 0)
    finer = 4 * parts * together if quantization.rescore else 0
    in_whole_bytes = -(-parts * quantization.bits // 8)
    if quantization.kind == "rabitq" and quantization.bits > 1:  # signs and the other bits fill bytes of their own
        in_whole_bytes = -(-dims // 8) - (-dims * (quantization.bits - 1) // 8)
    assert per_vector == in_whole_bytes + factors + finer


def test_laws_of_another_engine_say_why_there_are_none(tmp_path: Path) -> None:
    config = compose("run", [])
    made = build(DOCUMENTS, PLACE, FLOAT32, NUMPY)
    points = list(operating_points("numpy", NUMPY, FLOAT32, 10))
    laws = CorpusLaws(config, DOCUMENTS.matrix, tmp_path).of(FLOAT32, NUMPY, made, points, QUERIES)
    assert len(laws) == 2
    assert "at_workload=true" in why_not_at_size(laws[0])["search_ms_mean_at_workload"]


@pytest.mark.parametrize("module", sorted(SEARCH.glob("*.py")), ids=lambda m: m.name)
def test_outside_its_engines_search_knows_no_faiss(module: Path) -> None:
    tree = ast.parse(module.read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not [name for name in imported if "faiss" in name or name.startswith("evalkit.search.engines")]
    engines = [ast.parse(file.read_text()) for file in (SEARCH / "engines").rglob("*.py")]
    classes = {node.name for engine in engines for node in ast.walk(engine) if isinstance(node, ast.ClassDef)}
    assert {"FloatIndex", "BinaryIndex", "StoredFlatIndex", "InProcessIndex"} < classes
    assert {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} & classes == set()
