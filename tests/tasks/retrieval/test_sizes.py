"""A corpus at several sizes: points of nested samples from one pass, judged as a corpus of these alone would be."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from evalkit.__main__ import main
from evalkit.config import WorkloadConfig
from evalkit.config.compose import compose
from evalkit.gate.pairing import NotComparableError, pairs
from evalkit.reports.data.one_run import report_of_run
from evalkit.reports.data.report import make_report
from evalkit.reports.views.files import write_files
from evalkit.results.reader import StoredRun, read_run, stored_runs
from evalkit.results.setting import label_of

SMALL_RUN = ("top_k=20", "serve_k=10", "measures=[nDCG@10,R@10]", "runtime.latency_calls=5", "at_workload_seconds=0")
WORDS = ("red", "green", "blue", "grey", "pink", "gold", "teal", "cyan", "lime", "navy")


def beir(folder: Path, documents: int, queries: int, words: Sequence[str] = WORDS) -> Path:
    """Query i is answered by document i; the others are judged by nobody."""
    (folder / "qrels").mkdir(parents=True)
    texts = [f"{words[n % 10]} {words[n // 10 % 10]} {words[n * 7 % 10]} number {n}" for n in range(documents)]
    rows = {
        "corpus": [{"_id": f"d{n}", "text": text} for n, text in enumerate(texts)],
        "queries": [{"_id": f"q{n}", "text": f"{words[n % 10]} number"} for n in range(queries)],
    }
    for name, of_file in rows.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in of_file), encoding="utf-8")
    judgments = "".join(f"q{n}\td{n}\t1\n" for n in range(queries))
    (folder / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judgments}", encoding="utf-8")
    return folder


@pytest.fixture
def words(tiny_model: Path, tmp_path: Path) -> list[str]:
    return [
        *("model=local", f"model.path={tiny_model}", "model.native_dims=32", *SMALL_RUN),
        *(f"results_dir={tmp_path / 'results'}", f"store.path={tmp_path / 'store'}"),
    ]


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return beir(tmp_path / "own", 60, 8)


def stored(tmp_path: Path) -> StoredRun:
    return read_run(stored_runs(tmp_path / "results")[-1])


def by_size(run: StoredRun) -> dict[str, dict[str, Any]]:
    return {point["corpus_size"]: point for point in run.about["points"]}


def test_a_sample_is_judged_as_a_corpus_of_its_documents_alone(words: list[str], own: Path, tmp_path: Path) -> None:
    assert (
        main([*words, f"corpus={own}", "corpus_sizes=[20,40,full]", "dims=[16,32]", "quantization=[float32,int8]"]) == 0
    )
    run = stored(tmp_path)
    found = run.rankings()
    by_id = {row["_id"]: row for row in map(json.loads, (own / "corpus.jsonl").read_text().splitlines())}
    ids = {size: set(rows["document_id"]) for size, rows in found.groupby("corpus_size", observed=True)}
    everything = run.rankings().query("corpus_size == '20' and dims == 32 and quantization == 'float32'")
    assert len(set(everything["document_id"])) == 20  # as many are ranked for each query as there are
    assert {f"d{n}" for n in range(8)} <= ids["20"] <= ids["40"]
    alone = tmp_path / "alone"
    (alone / "qrels").mkdir(parents=True)
    (alone / "corpus.jsonl").write_text(
        "".join(json.dumps(by_id[i]) + "\n" for i in sorted(ids["20"])), encoding="utf-8"
    )
    for name in ("queries.jsonl", "qrels/test.tsv"):
        (alone / name).write_text((own / name).read_text(), encoding="utf-8")
    assert main([*words, f"corpus={alone}", "dims=[16,32]", "quantization=[float32,int8]"]) == 0
    figures = ("nDCG@10", "R@10", "overlap@10", "bytes_per_vector", "index_bytes")

    def of(points: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]]:
        return [tuple(p[name] for name in ("dims", "quantization", *figures)) for p in points]

    samples = [point for point in run.about["points"] if point["corpus_size"] == "20"]
    assert of(samples) == of(stored(tmp_path).about["points"])


def test_nothing_is_encoded_again_and_the_whole_corpus_is_as_ever(words: list[str], own: Path, tmp_path: Path) -> None:
    assert main([*words, f"corpus={own}"]) == 0
    before = stored(tmp_path)
    assert main([*words, f"corpus={own}", "corpus_sizes=[full,30]"]) == 0
    after = stored(tmp_path)
    assert [side["cached"] for side in after.about["embeddings"]] == [True, True]
    assert [side["texts"] for side in after.about["embeddings"]] == [60, 8]
    full = by_size(after)["full"]
    assert full["nDCG@10"] == by_size(before)["full"]["nDCG@10"]
    (pair,), alone = pairs(before, after, ["corpus", "dims", "quantization", "index", "stages"])
    assert pair.candidate["corpus_size"] == "full"
    assert alone == ["candidate corpus=own dims=32 quantization=float32 index=flat stages= corpus_size=30"]


def test_sizes_that_cant_hold_the_judged_documents_are_null(words: list[str], own: Path, tmp_path: Path) -> None:
    assert main([*words, f"corpus={own}", "corpus_sizes=[5,8,full]", "stages=[bm25]"]) == 0
    run = stored(tmp_path)
    small = [point for point in run.about["points"] if point["corpus_size"] == "5"]
    assert [point["stages"] for point in small] == ["", "bm25"]
    for point in small:
        assert point["nDCG@10"] is None
        assert point["index_bytes"] is None
        assert point["queries"] == 0
        assert point["unmeasured"]["nDCG@10"] == "8 documents are judged, and a sample of 5 can't hold all of these"
    assert by_size(run)["8"]["nDCG@10"] is not None
    assert set(run.queries()["corpus_size"]) == {"8", "full"}


def test_a_size_beyond_the_corpus_is_the_whole_of_it(words: list[str], own: Path, tmp_path: Path, capsys: Any) -> None:
    assert main([*words, f"corpus={own}", "corpus_sizes=[30,1000,2000]"]) == 0
    assert "evalkit: own: size 1,000, 2,000 is its 60 documents" in capsys.readouterr().err
    assert list(by_size(stored(tmp_path))) == ["30", "full"]


def test_distractors_fill_what_a_corpus_has_not(words: list[str], own: Path, tmp_path: Path, capsys: Any) -> None:
    other = beir(tmp_path / "other", 50, 4, WORDS[::-1])
    run = [*words, f"corpus=[{own},{other}]", "distractors=other", "corpus_sizes=[30,full,80,500]", "stages=[bm25]"]
    assert main(run) == 0
    assert "evalkit: own: size 500 is its 60 documents and all distractors: 110" in capsys.readouterr().err
    result = stored(tmp_path)
    points = {(p["corpus"], p["corpus_size"], p["stages"]): p for p in result.about["points"]}
    assert [points["own", size, ""]["distractors"] for size in ("30", "full", "80", "110")] == [
        "",
        "",
        "other",
        "other",
    ]
    assert points["other", "full", ""]["distractors"] == ""
    assert len(result.about["embeddings"]) == 4  # each side of each corpus, once
    found = result.rankings().query("corpus == 'own' and corpus_size == '110' and stages == ''")
    strangers = [id_ for id_ in found["document_id"] if id_.startswith("other:")]
    assert strangers
    assert set(found["document_id"]) - set(strangers) <= {f"d{n}" for n in range(60)}
    assert label_of(points["own", "80", ""]) == "own 32 float32 flat 80 documents with other"
    assert points["own", "110", "bm25"]["nDCG@10"] is not None


def test_ids_of_distractors_clash_with_none(words: list[str], tmp_path: Path) -> None:
    own, other = beir(tmp_path / "own", 12, 4), beir(tmp_path / "other", 50, 4)
    text = (own / "corpus.jsonl").read_text().replace('"d11"', '"other:d3"')
    (own / "corpus.jsonl").write_text(text, encoding="utf-8")
    assert main([*words, f"corpus=[{own},{other}]", "distractors=other", "corpus_sizes=[full,62]"]) == 0
    found = stored(tmp_path).rankings().query("corpus == 'own' and corpus_size == '62'")
    assert found.groupby("query_id", observed=True)["document_id"].nunique().tolist() == [20] * 4
    assert any(id_.startswith("other::d") for id_ in found["document_id"])


def test_samples_of_chunked_documents_keep_all_chunks(words: list[str], own: Path, tmp_path: Path) -> None:
    chunked = ["chunking=tokens", "chunking.size=3", "chunking.overlap=0"]
    other = beir(tmp_path / "other", 50, 4, WORDS[::-1])
    run = [*words, *chunked, f"corpus=[{own},{other}]", "distractors=other", "corpus_sizes=[20,full,90]"]
    assert main(run) == 0
    points = {p["corpus_size"]: p for p in stored(tmp_path).about["points"] if p["corpus"] == "own"}
    assert points["20"]["chunks_per_document"] > 1
    assert points["90"]["nDCG@10"] is not None
    ratio = points["20"]["index_bytes"] / points["full"]["index_bytes"]
    assert ratio == pytest.approx(20 / 60, rel=0.15)


def test_bm25_indexes_the_sample(own: Path, tmp_path: Path) -> None:
    run = ["model=bm25", f"corpus={own}", *SMALL_RUN, f"results_dir={tmp_path / 'results'}", "corpus_sizes=[20,full]"]
    assert main(run) == 0
    points = by_size(stored(tmp_path))
    assert points["20"]["index_bytes"] < points["full"]["index_bytes"]
    assert points["20"]["nDCG@10"] >= points["full"]["nDCG@10"]


def test_the_answer_is_of_the_whole_corpus_unless_a_size_is_asked_for(
    words: list[str], tmp_path: Path, capsys: Any
) -> None:
    own = beir(tmp_path / "own", 200, 70)
    questions = (own / "corpus.jsonl").read_text().replace('"d', '"q').splitlines(keepends=True)[:70]
    (own / "queries.jsonl").write_text("".join(questions), encoding="utf-8")  # as their answers: what is found is sure
    assert main([*words, f"corpus={own}", "corpus_sizes=[80,120,full]", "dims=[8,32]"]) == 0
    report = report_of_run(stored(tmp_path))
    assert set(report.gathered.points["corpus_size"]) == {"full"}
    assert set(report.gathered.samples["corpus_size"]) == {"80", "120"}
    results = f"results_dir={tmp_path / 'results'}"
    capsys.readouterr()
    assert main(["recommend", results, "corpus_size=120", "--json"]) == 0
    config: Any = compose("report", [results, "workload.documents=300"])
    (expected,) = (report := make_report(config)).sentence.at_size
    assert "At 300 documents model at" in expected
    assert "of full precision on own instead of the" in expected
    page = write_files(report, tmp_path / "page")
    assert "Quality at other sizes" in page.read_text(encoding="utf-8")
    assert "expected at 2,000" in page.with_suffix(".md").read_text(encoding="utf-8")
    assert set(pd.read_csv(page.with_suffix(".csv"))["corpus_size"]) == {"80", "120", "full"}
    known, warning = make_report(replace(config, workload=WorkloadConfig(documents=10**6))).sentence.at_size
    assert "At 2,000 documents" in known
    assert "At the workload's 1 M that is not known: it was measured up to 200." in known
    assert warning.startswith("Warning: quality was measured among 200 documents, and the workload has 1 M")
    assert main(["recommend", results, "corpus_size=41"]) == 2
    assert "Known: 80, 120, full." in capsys.readouterr().err


def test_other_documents_in_a_sample_are_never_compared(words: list[str], own: Path, tmp_path: Path) -> None:
    other, third = beir(tmp_path / "other", 50, 4), beir(tmp_path / "third", 50, 4, WORDS[::-1])
    runs = []
    for added in (other, third):
        assert main([*words, f"corpus=[{own},{added}]", f"distractors={added.name}", "corpus_sizes=[full,80]"]) == 0
        runs.append(stored(tmp_path))
    with pytest.raises(NotComparableError, match="other documents in the baseline"):
        pairs(runs[0], runs[1], ["corpus", "dims", "quantization", "index", "stages"], allow_missing=True)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (["corpus_sizes=[]"], "leaves nothing to measure"),
        (["corpus_sizes=[0]"], "corpus_sizes"),
        (["corpus_sizes=[abc]"], "corpus_sizes has abc, which is no number of documents"),
        (["corpus_sizes=[1.5]"], "no number of documents"),
        (["corpus_sizes=[true]"], "no number of documents"),
        (["corpus_sizes=[10,10]"], "corpus_sizes has 10 twice"),
        (["corpus_sizes=[99999999999999]"], "corpus_sizes"),
        (["corpus_sizes=100"], "corpus_sizes"),
        (["corpus_sizes=[5]"], "8 documents are judged"),
        (["corpus_sizes=[20]", "filter.selectivity=[0.5]"], "filters are measured on whole corpora"),
        (["distractors=own"], "corpus_sizes are not set"),
        (["distractors=own", "corpus_sizes=[full,100]"], "is the only corpus of the run"),
        (["distractors=ghost", "corpus_sizes=[full,100]"], "is no corpus of the run"),
        (["task=[clustering]", "corpus_sizes=[20]"], "corpus_sizes are of retrieval"),
    ],
)
def test_what_cant_be_is_refused_before_anything_is_encoded(
    words: list[str], own: Path, tmp_path: Path, capsys: Any, settings: list[str], told: str
) -> None:
    assert main([*words, f"corpus={own}", *settings]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert "Traceback" not in error
    assert not (tmp_path / "store").exists() or not list((tmp_path / "store").glob("*/vectors.npy"))


def test_distractors_that_enlarge_nothing_are_refused(words: list[str], own: Path, tmp_path: Path, capsys: Any) -> None:
    other = beir(tmp_path / "other", 50, 4)
    assert main([*words, f"corpus=[{own},{other}]", "distractors=other", "corpus_sizes=[full,30]"]) == 2
    assert "enlarges nothing" in capsys.readouterr().err
