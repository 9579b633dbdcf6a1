"""A whole grid through the front door: quantizations × indexes × operating points, against other implementations."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytrec_eval

from evalkit.__main__ import main
from evalkit.corpora import Corpus, load_corpus
from evalkit.embeddings import EmbeddingStore
from evalkit.embeddings.entries.entry import Entry
from evalkit.embeddings.inventory import inventory
from evalkit.measures.quality import Judge, parse_measures
from evalkit.results.reader import StoredRun, read_run, stored_runs
from evalkit.results.setting import index_label
from evalkit.search import cut

NDCG = "nDCG@10"


def newest(results: Path) -> StoredRun:
    return read_run(stored_runs(results)[-1])


def test_each_operating_point_of_an_index_is_a_point_of_the_run(tiny_run: list[str], tmp_path: Path) -> None:
    arguments = ["index=[flat,hnsw,ivf]", "index.ivf.nlist=3", "index.ivf.search.nprobe=[1,3]", "quantization=[int8]"]
    assert main([*tiny_run, *arguments]) == 0
    run = newest(tmp_path / "results")
    points = run.points().assign(label=[index_label(point) for point in run.about["points"]]).set_index("label")
    assert list(points.index) == ["flat", "hnsw(efSearch=128)", "hnsw(efSearch=512)", "ivf(nprobe=1)", "ivf(nprobe=3)"]
    assert points["metric"].unique().tolist() == ["inner_product"]
    proofs = [point["proof"] for point in run.about["points"]]
    assert all(proof["engine"].startswith("faiss ") for proof in proofs)
    assert [proof["index"].partition(" > ")[0] for proof in proofs] == [
        "IndexScalarQuantizer",
        *["IndexHNSWSQ"] * 2,
        *["IndexIVFScalarQuantizer"] * 2,
    ]
    assert points["build_seconds"]["ivf(nprobe=1)"] == points["build_seconds"]["ivf(nprobe=3)"]  # built once
    assert points["overlap@10"]["ivf(nprobe=1)"] < points["overlap@10"]["ivf(nprobe=3)"]
    assert (points["training_vectors"] == 12).all()
    keys = ["index", "operating_point"]
    of_points = points[keys].itertuples(index=False, name=None)
    assert set(run.rankings()[keys].drop_duplicates().itertuples(index=False, name=None)) == set(of_points)


def test_each_number_of_candidates_is_a_point_of_the_run(
    tiny_run: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ladder = [
        "quantization=[float32,binary_rescore]",
        "quantization.binary_rescore.rescore.factor=[1,2,4]",
        "serve_k=3",
    ]
    assert main([*tiny_run, *ladder]) == 0
    run = newest(tmp_path / "results")
    points = run.points().assign(label=[index_label(point) for point in run.about["points"]]).set_index("label")
    assert list(points.index) == ["flat", "flat(candidates=3)", "flat(candidates=6)", "flat(candidates=12)"]
    assert points["candidates"].tolist()[1:] == [3, 6, 12]
    assert points["candidates"].isna().tolist() == [True, False, False, False]
    assert set(points["serve_k"]) == {3}
    assert points["overlap@10"]["flat(candidates=12)"] == 1  # all of the corpus
    for point in run.about["points"]:
        deeper = dict.fromkeys(("nDCG@10", "R@10", "RR@10", "overlap@10"))
        assert point["notes"] == dict.fromkeys(deeper, "looks deeper than the 3 results that are served (serve_k)")
    assert "nDCG@10†" in capsys.readouterr().err
    keys = ["index", "operating_point"]
    of_points = points[keys].itertuples(index=False, name=None)
    assert set(run.rankings()[keys].drop_duplicates().itertuples(index=False, name=None)) == set(of_points)


@pytest.mark.parametrize(
    ("more", "asked"),
    [
        ([], 10),
        (["quantization=[int8_rescore]"], 12),  # 40 candidates, of whom there are 12
        (["serve_k=5"], None),
        (["serve_k=5", "stages=bm25"], 10),
    ],
)
def test_a_graph_that_is_asked_for_more_than_it_keeps_is_refused_before_anything_is_encoded(
    tiny_run: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], asked: int | None
) -> None:
    graph = ["index=hnsw", "index.hnsw.search.efSearch=[64,6]"]
    assert main([*tiny_run, *graph, *more]) == (2 if asked else 0)
    if asked:
        assert f"efSearch=6 keeps fewer candidates than the {asked} results" in capsys.readouterr().err
        assert not list(tmp_path.glob("store/*"))


def test_a_list_that_is_shorter_than_top_k_holds_each_document_once(tiny_run: list[str], tmp_path: Path) -> None:
    arguments = ["index=[ivf]", "index.ivf.nlist=6", "index.ivf.search.nprobe=[1]", "quantization=[float32,binary]"]
    assert main([*tiny_run, *arguments]) == 0
    rankings = newest(tmp_path / "results").rankings()
    lists = rankings.groupby(["quantization", "query_id"])["document_id"]
    assert (lists.nunique() == lists.size()).all()
    assert lists.size().min() < 10


def test_clients_at_once_are_measured_when_asked_for(tiny_run: list[str], tmp_path: Path) -> None:
    assert main([*tiny_run, "load.seconds=0.05"]) == 0
    point = newest(tmp_path / "results").about["points"][0]
    assert all(point[f"load_queries_per_second_{n}"] > 0 and point[f"load_ms_p95_{n}"] > 0 for n in (1, 2, 4, 8))
    assert point["unmeasured"]["load_ms_p95_16"] == "load.clients leaves it out"
    assert point["unmeasured"]["load_offered_ms_p95"].startswith("load.queries_per_second=null")


def test_queries_are_offered_at_a_rate_when_asked_for(tiny_run: list[str], tmp_path: Path) -> None:
    load = ["load.seconds=1", "load.clients=[16]", "load.queries_per_second=40"]
    assert main([*tiny_run, *load]) == 0
    point = newest(tmp_path / "results").about["points"][0]
    assert point["load_queries_per_second_16"] > 0
    assert point["load_queries_per_second_8"] is None
    assert point["load_offered_queries_per_second"] == pytest.approx(40)
    assert 0 < point["load_answered_queries_per_second"] <= 40 * (1 - point["load_offered_errors"])
    if point["load_offered_errors"] <= 0.05:  # a machine that stands still for a second sends too late
        assert 0 < point["load_offered_ms_p50"] <= point["load_offered_ms_p95"]


def test_the_first_search_is_that_of_the_first_operating_point(tiny_run: list[str], tmp_path: Path) -> None:
    assert main([*tiny_run, "index=[flat,hnsw]"]) == 0
    points = newest(tmp_path / "results").about["points"]
    firsts = {index_label(point): point["search_ms_first"] for point in points}
    assert firsts["flat"] > 0
    assert firsts["hnsw(efSearch=128)"] > 0
    assert firsts["hnsw(efSearch=512)"] is None
    reason = next(point["unmeasured"]["search_ms_first"] for point in points if point["search_ms_first"] is None)
    assert reason == "the index had been searched at another operating point before"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["index=[hnsw]", "quantization=[lsh]"], "quantization=lsh index=hnsw dims=32 on colours: FAISS can't build"),
        (["quantization=[pq]"], "must be trained on at least 256 documents, there are 12"),
        (["index=[ivf]", "index.ivf.nlist=13"], "at least 13 documents, there are 12"),
        (["index=[ivf]", "+index.ivf.search.efSearch=[3]"], "no parameter 'efSearch'"),
        (["quantization.float32.faiss=''"], "needs either faiss or _target_"),
        (["search_device=cuda:7"], "search_device=cuda:7 is not available on this machine"),
        (["search_device=gpu"], "search_device=gpu is unknown.\n         Did you mean 'cuda'?"),
    ],
)
def test_a_setting_that_can_not_be_built_is_said_before_anything_is_encoded(
    tiny_run: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    assert main([*tiny_run, *arguments]) == 2
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "store").exists()


def test_what_only_a_gpu_of_faiss_searches_is_said_before_anything_is_encoded(
    tiny_run: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evalkit.search.devices.there_is", lambda device: True)
    monkeypatch.setattr("evalkit.search.engines.faiss.devices.faiss_has_gpus", lambda: False)
    assert main([*tiny_run, "search_device=cuda", "quantization=[float32,int8]"]) == 2
    assert "quantization=int8 index=flat dims=32 on colours: this setting can't be" in capsys.readouterr().err
    assert not (tmp_path / "store").exists()


def test_the_own_quantizer_of_the_docs_runs(
    tiny_run: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[3] / "docs" / "quantization.md").read_text()
    section = page.partition("my-conf/quantization/thirds.yaml")
    code = section[0].rpartition("```python\n")[2].partition("```")[0]
    yaml = f"#{section[1]}" + section[2].partition("```")[0]
    assert len(code.strip().splitlines()) <= 12
    (tmp_path / "my_quantizers.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "conf" / "quantization").mkdir(parents=True)
    (tmp_path / "conf" / "quantization" / "thirds.yaml").write_text(yaml)
    arguments = ["--config-dir", str(tmp_path / "conf"), "quantization=[float32,thirds]"]
    assert main([*tiny_run, *arguments]) == 0
    points = newest(tmp_path / "results").points().set_index("quantization")
    assert points["overlap@10"]["thirds"] > 0.8
    assert points["bytes_per_vector"].to_dict() == {"float32": 128, "thirds": 8}


def stored(store: Path, corpus: Corpus) -> tuple[np.ndarray, np.ndarray]:
    """The document and the query vectors (float32, as the model gave them) that ``store`` keeps of ``corpus``."""
    items = inventory(EmbeddingStore(str(store)))
    kind = {"runtime": "torch", "precision": "float32", "model": "sentence-transformers/all-MiniLM-L6-v2"}
    entries = {item.key["texts"]: item for item in items if kind.items() <= item.key.items()}
    sides = (entries[side.fingerprint] for side in (corpus.documents, corpus.queries))
    documents, queries = (np.array(Entry(store / item.name, item.key).read()) for item in sides)
    return documents, queries


def measured(shared_data: Path, store: Path, results: Path, name: str, *more: str) -> tuple[StoredRun, Corpus]:
    path = shared_data / name
    where = [f"corpus.beir.path={path}", f"store.path={store}", f"results_dir={results}"]
    assert main(["model=minilm", "runtime=torch", "corpus=beir", "at_workload_seconds=0", *where, *more]) == 0
    return newest(results), load_corpus(name, {"source": "beir", "path": str(path)})


OTHERS = ("mbpp", "xquad-de", "cranfield", "scifact")
REAL = ["xquad-en", *(pytest.param(name, marks=pytest.mark.verify) for name in OTHERS)]


@pytest.mark.parametrize("name", REAL)
def test_float32_flat_equals_a_matrix_product_and_a_sort_to_the_last_rank(
    shared_data: Path, session_store: Path, tmp_path: Path, name: str
) -> None:
    run, corpus = measured(shared_data, session_store, tmp_path / "results", name, "dims=[96,384]")
    documents, queries = stored(session_store, corpus)
    for dims, ranking in run.rankings().groupby("dims"):
        product = cut(queries, int(dims)).astype(np.float64) @ cut(documents, int(dims)).astype(np.float64).T
        place = {id_: i for i, id_ in enumerate(corpus.documents.ids)}
        rows = ranking["document_id"].map(place).to_numpy().reshape(len(queries), -1)
        assert rows.shape[1] == min(100, len(documents))
        found = np.take_along_axis(product, rows, axis=1)
        wanted = -np.sort(-product, axis=1)[:, : rows.shape[1]]
        np.testing.assert_allclose(found, wanted, atol=2e-6)  # any other document at any rank would score otherwise


@pytest.mark.parametrize("name", ["xquad-en", pytest.param("cranfield", marks=pytest.mark.verify)])
def test_figures_agree_with_sentence_transformers_own_faiss_search(
    shared_data: Path, session_store: Path, tmp_path: Path, name: str
) -> None:
    from sentence_transformers.util.quantization import quantize_embeddings, semantic_search_faiss

    run, corpus = measured(
        shared_data, session_store, tmp_path / "results", name, "quantization=[float32,int8_rescore,binary_rescore]"
    )
    documents, queries = (cut(side, 384) for side in stored(session_store, corpus))
    figures = run.points().set_index("quantization")[NDCG]
    for ours, precision in (("float32", "float32"), ("int8_rescore", "uint8"), ("binary_rescore", "ubinary")):
        kept: Any = documents if precision == "float32" else quantize_embeddings(documents, precision=precision)
        options: dict[str, Any] = {"calibration_embeddings": documents} if precision == "uint8" else {}
        depth = min(100 if precision == "float32" else 40, len(documents))
        hits, *_ = semantic_search_faiss(
            queries,
            corpus_embeddings=kept,
            corpus_precision=precision,
            top_k=depth,
            rescore=False,
            exact=True,
            **options,
        )
        # It would rescore by the codes alone and not by a finer copy; so its candidates are rescored here, in NumPy.
        ids, ranked = corpus.documents.ids, []
        for query, found in zip(queries, hits, strict=True):
            rows = np.array([int(hit["corpus_id"]) for hit in found])
            best = rows[np.argsort(-(documents[rows] @ query), kind="stable")]
            ranked.append([ids[row] for row in best[:100]])
        judge = Judge(parse_measures([NDCG], 100), corpus.qrels)
        theirs = judge.score(dict(zip(corpus.queries.ids, ranked, strict=True))).mean[NDCG]
        assert figures[ours] == pytest.approx(theirs, abs=0.002), ours


def served_by_hand(
    documents: np.ndarray, queries: np.ndarray, corpus: Corpus, dims: int
) -> dict[str, dict[str, float]]:
    """The 40 best by Hamming distance of the signs, re-ordered by cosine, as trec_eval reads them; NumPy alone.

    Of equal distances, the higher ids are candidates.
    """
    ids = np.array(corpus.documents.ids)
    kept, asked = (
        side[:, :dims] / np.linalg.norm(side[:, :dims], axis=1, keepdims=True) for side in (documents, queries)
    )
    by_id = np.argsort(ids, kind="stable")[::-1]
    ranked = {}
    for name, query in zip(corpus.queries.ids, asked, strict=True):
        hamming = ((kept > 0) != (query > 0)).sum(axis=1)
        candidates = by_id[np.argsort(hamming[by_id], kind="stable")][:40]
        ranked[name] = {str(ids[row]): float(kept[row] @ query) for row in candidates}
    return ranked


SERVED = [
    ("scifact", {64: 0.3866, 128: 0.5672, 256: 0.6131, 384: 0.6390}),
    ("cranfield", {64: 0.3533, 128: 0.4441, 384: 0.5095}),
]


@pytest.mark.parametrize(
    ("name", "stated"),
    [("xquad-en", {64: None, 384: None}), *(pytest.param(*r, marks=pytest.mark.verify) for r in SERVED)],
)
def test_trap_34_rescored_quality_is_that_of_the_candidates_that_are_served(
    shared_data: Path, session_store: Path, tmp_path: Path, name: str, stated: dict[int, float | None]
) -> None:
    """Where ``stated``, the figures are also those of an independent script outside of this repository."""
    more = [f"dims={list(stated)}".replace(" ", ""), "quantization=[binary_rescore]"]
    run, corpus = measured(shared_data, session_store, tmp_path / "results", name, *more)
    documents, queries = stored(session_store, corpus)
    evaluator = pytrec_eval.RelevanceEvaluator(corpus.qrels, {"ndcg_cut.10"})
    for dims, figure in run.points().set_index("dims")[NDCG].items():
        scored = evaluator.evaluate(served_by_hand(documents, queries, corpus, dims))
        assert figure == pytest.approx(np.mean([of["ndcg_cut_10"] for of in scored.values()]), abs=1e-6)
        assert stated[dims] is None or figure == pytest.approx(stated[dims], abs=5e-5)


@pytest.mark.verify
@pytest.mark.parametrize(("name", "column"), [("scifact", 3), ("cranfield", 6)])
def test_the_table_in_the_docs_is_what_comes_out(
    shared_data: Path, session_store: Path, tmp_path: Path, name: str, column: int
) -> None:
    page = (Path(__file__).parents[3] / "docs" / "quantization.md").read_text()
    rows = [
        line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith(("| 384 |", "| 256", "| 64"))
    ]
    stated = {(int(row[0].rstrip("\\*")), row[1].strip("`")): float(row[column]) for row in rows}
    names = ",".join(dict.fromkeys(quantization for _, quantization in stated))
    more = ("runtime=openvino", "dims=[64,256,384]", f"quantization=[{names}]")
    run, _ = measured(shared_data, session_store, tmp_path / "results", name, *more)
    found = run.points().set_index(["dims", "quantization"])[NDCG].to_dict()
    assert len(stated) == 24
    assert found == pytest.approx(stated, abs=0.001)
