"""Vectors that were made elsewhere: searched like any other, never encoded, and checked before any work."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import evalkit
from evalkit.__main__ import main
from evalkit.embeddings.why_null import GIVEN
from evalkit.results.reader import find_run

DOCUMENTS, QUERIES, DIMS = 12, 6, 8
Evaluate = Callable[..., evalkit.Run]


def vectors() -> tuple[np.ndarray, np.ndarray]:
    """Query i lies next to document i, which is what it asks for."""
    documents = np.random.default_rng(3).normal(size=(DOCUMENTS, DIMS)).astype(np.float32)
    return documents, documents[:QUERIES] + 0.01


@pytest.fixture
def small(colours: Path, tmp_path: Path) -> dict[str, Any]:
    return {
        "corpus": {"beir": {"path": colours}},
        "results_dir": tmp_path / "results",
        "store": {"path": tmp_path / "store"},
        "top_k": 10,
        "measures": ["nDCG@10", "RR@10"],
        "runtime": {"latency_calls": 5},
        "at_workload_seconds": 0,
    }


@pytest.fixture
def evaluate(small: dict[str, Any], tmp_path: Path) -> Evaluate:
    """A run of vectors in files: those above, or what is given in their place."""
    documents, queries = vectors()
    np.save(tmp_path / "docs.npy", documents)
    np.save(tmp_path / "queries.npy", queries)

    def run(model: Mapping[str, Any] | None = None, **settings: Any) -> evalkit.Run:
        files = {"documents": tmp_path / "docs.npy", "queries": tmp_path / "queries.npy"}
        return evalkit.run(**{**small, "model": {"vectors": {**files, **(model or {})}}, **settings})

    return run


def test_given_vectors_are_ranked_as_numpy_ranks_them(evaluate: Evaluate) -> None:
    run = evaluate(dims=[4, 8], quantization=["float32", "binary"])
    assert len(run.points) == 4
    exact = run.rankings[(run.rankings["dims"] == 8) & (run.rankings["quantization"] == "float32")]
    documents, queries = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in vectors())
    for query in range(QUERIES):
        found = exact[exact["query_id"] == f"q{query}"].sort_values("rank")
        order = np.argsort(-(documents @ queries[query]))[:10]
        assert found["document_id"].tolist() == [f"d{row}" for row in order]
        assert found["score"].tolist() == pytest.approx((documents @ queries[query])[order].tolist(), abs=1e-5)
    whole = run.points[(run.points["dims"] == 8) & (run.points["quantization"] == "float32")]
    assert whole["RR@10"].item() == 1


def test_what_needs_an_encoder_is_null_with_the_reason_and_searching_is_timed(evaluate: Evaluate) -> None:
    run = evaluate()
    (point,) = run.about["points"]
    of_encoding = ("documents_per_second", "tokens_per_second", "tokens_per_document", "encode_query_ms_p95")
    for name in (*of_encoding, "query_ms_p95", "query_ms_mean", "encode_cores", "peak_rss_bytes"):
        assert point[name] is None
        assert point["unmeasured"][name] == GIVEN
    assert point["cost_month_usd"] is None
    assert point["search_ms_p95"] > 0
    assert point["bytes_per_vector"] == DIMS * 4
    for side in run.about["embeddings"]:
        assert side["seconds"] is side["tokens"] is None
        assert side["unmeasured"]["seconds"] == side["unmeasured"]["tokens"] == GIVEN
    assert not list(Path(run.about["config"]["store"]["path"]).rglob("vectors.npy"))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4"])
def test_floats_of_every_width_are_read(evaluate: Evaluate, tmp_path: Path, dtype: str) -> None:
    documents, queries = vectors()
    np.save(tmp_path / "docs.npy", documents.astype(dtype))
    np.save(tmp_path / "queries.npy", queries.astype(dtype))
    assert evaluate().points["RR@10"].tolist() == [1]


def test_rows_are_named_by_a_file_beside_the_vectors_or_one_that_is_set(evaluate: Evaluate, tmp_path: Path) -> None:
    documents, queries = vectors()
    more = np.vstack([np.ones((1, DIMS), np.float32), documents[::-1]])
    np.save(tmp_path / "docs.npy", more)
    names = ["of no document", *(f"d{i}" for i in reversed(range(DOCUMENTS)))]
    (tmp_path / "docs.ids.txt").write_text("\n".join(names) + "\n")
    np.save(tmp_path / "queries.npy", queries[::-1])
    (tmp_path / "asked").write_text("\r\n".join(f"q{i}" for i in reversed(range(QUERIES))))
    run = evaluate({"query_ids": tmp_path / "asked"})
    assert run.points["RR@10"].tolist() == [1]


def test_other_vectors_are_another_revision(evaluate: Evaluate, tmp_path: Path) -> None:
    first, again = evaluate(), evaluate()
    documents, _ = vectors()
    np.save(tmp_path / "docs.npy", documents * 2)
    other = evaluate()
    revisions = [run.points["revision"].item() for run in (first, again, other)]
    assert revisions[0] == revisions[1] != revisions[2]
    assert revisions[0].startswith("sha256:")


def test_the_gate_compares_given_vectors_and_says_whether_the_old_index_can_stay(
    evaluate: Evaluate, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    baseline = evaluate()
    assert main(["baseline", "accept", str(baseline.folder)]) == 0
    same = evaluate()
    decision = same.gate("main")
    assert [space.index_can_stay for space in decision.spaces] == [True]
    assert decision.verdict == "inconclusive"  # six queries are too few for a pass
    documents, _ = vectors()
    np.save(tmp_path / "docs.npy", documents[::-1].copy())
    files = ["model=vectors", "model.documents=docs.npy", "model.queries=queries.npy", "store.path=store"]
    code = main(["gate", "baseline=main", "limits=null", *files, "corpus=beir", "corpus.beir.path=colours"])
    out = capsys.readouterr().err
    assert code in (1, 3), out
    made = json.loads(Path("reports/gate/gate.json").read_text())
    assert made["quality"][0]["candidate"] < made["quality"][0]["baseline"] == 1
    assert made["spaces"][0]["index_can_stay"] is False


DEFECTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no file": (lambda f: (f / "docs.npy").unlink(), "docs.npy is no file. Write it with numpy.save"),
    "no array": (lambda f: (f / "docs.npy").write_text("x"), "docs.npy can't be read: "),
    "cut short": (lambda f: (f / "docs.npy").write_bytes((f / "docs.npy").read_bytes()[:-4]), "can't be read: "),
    "one vector": (lambda f: np.save(f / "docs.npy", np.ones(8)), "is no matrix by rows. Write numpy.save("),
    "by columns": (lambda f: np.save(f / "docs.npy", np.asfortranarray(vectors()[0])), "is no matrix by rows."),
    "whole numbers": (lambda f: np.save(f / "docs.npy", np.ones((12, 8), int)), "is int64 of 12 × 8. Give rows of"),
    "empty": (lambda f: np.save(f / "docs.npy", np.ones((0, 8), "f4")), "docs.npy"),
    "objects": (lambda f: np.save(f / "docs.npy", np.full((12, 8), None)), "docs.npy"),
    "other width": (lambda f: np.save(f / "queries.npy", np.ones((6, 9), "f4")), "has 8 dimensions and "),
    "too few": (
        lambda f: np.save(f / "docs.npy", vectors()[0][:-1]),
        "docs.npy has 11 vectors, and the corpus 12 documents. Name the rows, one id a line: model.document_ids=",
    ),
    "too many queries": (
        lambda f: np.save(f / "queries.npy", vectors()[0]),
        "queries.npy has 12 vectors, and the corpus 6 judged queries. Name the rows, one id a line: model.query_ids=",
    ),
    "nan": (lambda f: np.save(f / "docs.npy", spoilt(np.nan)), "docs.npy: row 3 ('d3') has NaN, infinity or"),
    "infinite": (lambda f: np.save(f / "docs.npy", spoilt(np.inf)), "docs.npy: row 3 ('d3') has NaN, infinity or"),
    "huge": (lambda f: np.save(f / "docs.npy", spoilt(1e30)), "docs.npy: row 3 ('d3') has NaN, infinity or a number"),
    "zeros": (lambda f: np.save(f / "docs.npy", spoilt(0)), "docs.npy: row 3 ('d3') has nothing but zeros"),
    "few names": (lambda f: (f / "docs.ids.txt").write_text("d1\nd2\n"), "docs.ids.txt has 2 lines, and "),
    "one name twice": (
        lambda f: (f / "docs.ids.txt").write_text("\n".join(["d0", "d0", *(f"d{i}" for i in range(2, 12))])),
        "docs.ids.txt has 'd0' more than once.",
    ),
    "other names": (
        lambda f: (f / "docs.ids.txt").write_text("\n".join(f"e{i}" for i in range(12))),
        "docs.ids.txt lacks 12 of 12 documents, the first is 'd0'.",
    ),
}


def spoilt(value: float) -> np.ndarray:
    documents, _ = vectors()
    documents[3] = value
    return documents


@pytest.mark.parametrize("defect", DEFECTS)
def test_what_is_no_vector_of_each_text_is_refused_before_any_work(
    evaluate: Evaluate, tmp_path: Path, defect: str
) -> None:
    spoil, said = DEFECTS[defect]
    spoil(tmp_path)
    with pytest.raises(evalkit.UserError) as refused:
        evaluate()
    assert said in refused.value.sentences
    assert not (tmp_path / "results").exists() or not list((tmp_path / "results").glob("[!.]*"))


def test_chunks_and_several_corpora_have_no_vectors(evaluate: Evaluate, small: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(evalkit.UserError, match=r"Leave out chunking\."):
        evaluate(chunking="tokens")
    shutil.copytree(tmp_path / "colours", tmp_path / "others")
    (tmp_path / "conf" / "corpus").mkdir(parents=True)
    (tmp_path / "conf" / "corpus" / "others.yaml").write_text(
        f"others:\n  source: beir\n  name: others\n  path: {tmp_path / 'others'}\n"
    )
    with pytest.raises(evalkit.UserError, match="vectors are of one corpus, and 2 are given"):
        evaluate(corpus={**small["corpus"], "others": {}}, config_dir=tmp_path / "conf")


def test_a_side_that_is_not_set_is_named(small: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(evalkit.UserError, match=r"model\.queries is not set"):
        evalkit.run(**small, model={"vectors": {"documents": tmp_path / "docs.npy"}})


def test_arrays_of_a_program_are_evaluated_like_files(evaluate: Evaluate, small: dict[str, Any]) -> None:
    run = evalkit.run(**small, embeddings=vectors(), name="sounds")
    assert run.points[["model", "RR@10"]].to_numpy().tolist() == [["sounds", 1]]
    assert run.points["revision"].tolist() == evaluate().points["revision"].tolist()
    assert find_run(run.name, small["results_dir"]).about["finished"]


def test_vectors_may_be_given_by_id_in_any_order(small: dict[str, Any]) -> None:
    documents, queries = vectors()
    by_id = {f"d{i}": documents[i].tolist() for i in reversed(range(DOCUMENTS))}
    run = evalkit.run(**small, embeddings=(by_id, queries))
    assert run.points["RR@10"].tolist() == [1]


@pytest.mark.parametrize(
    ("embeddings", "said"),
    [
        ((np.ones(3), np.ones((6, 3))), "documents have the shape (3,)"),
        (([[1, 2], [3]], np.ones((6, 3))), "documents are no matrix of numbers"),
        ((np.ones((12, 3)), [["a", "b"]]), "queries are no matrix of numbers"),
        ((np.ones((12, 3)), {"a\nb": [1, 2, 3]}), "'a\\nb' of queries has a line end"),
        ((np.ones((12, 3)), np.ones((6, 4))), "has 3 dimensions and "),
    ],
)
def test_arrays_that_are_no_vectors_are_refused(small: dict[str, Any], embeddings: Any, said: str) -> None:
    with pytest.raises(evalkit.UserError) as refused:
        evalkit.run(**small, embeddings=embeddings)
    assert said in refused.value.sentences


def test_vectors_and_a_model_are_not_given_together(small: dict[str, Any]) -> None:
    with pytest.raises(evalkit.UserError, match="embeddings and model are both given"):
        evalkit.run(**small, model="bm25", embeddings=vectors())
