"""What splitting documents gains, in a sentence: of one model, corpus and setting, tested over the same queries."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from evalkit.config import ReportConfig
from evalkit.reports.data.report import make_report
from evalkit.reports.views.markdown import markdown
from tests.reports.conftest import WriteRun, noisy

Config = Callable[..., ReportConfig]
CHUNKED = "tokens(size=254, overlap=0)"
BY_SENTENCE = "sentences(size=254, overlap=0)"
CUT_SCORES, CHUNK_SCORES = noisy(0.5), noisy(0.58, seed=3)
READS_256 = {"device": "cpu", "max_length": 256}


def write(write_run: WriteRun, name: str, chunking: str, scores: np.ndarray, **kept: object) -> None:
    chunks = 1.0 if chunking == "none" else 1.75
    write_run(
        name,
        {"x": {(384, "float32"): scores, (64, "float32"): scores / 2}},
        model="org/m",
        chunking=chunking,
        figures=lambda corpus, setting: {"chunks_per_document": chunks, "bytes_per_document": 1536 * chunks},
        **{"runtime": READS_256, **kept},
    )


def test_cut_and_chunked_stand_side_by_side_with_gain_and_p(write_run: WriteRun, config: Config) -> None:
    write(write_run, "a", "none", CUT_SCORES, truncated_texts=710)
    write(write_run, "b", CHUNKED, CHUNK_SCORES)
    report = make_report(config())
    gain = CHUNK_SCORES.mean() - CUT_SCORES.mean()
    difference = CHUNK_SCORES - CUT_SCORES
    p = stats.permutation_test((difference,), np.mean, permutation_type="samples", rng=np.random.default_rng(0)).pvalue
    said = report.long_documents[0].rpartition("p = ")[2].removesuffix(").")
    assert report.long_documents == [
        f"m on x, nDCG@10 (384 dims · float32 · exact): cut at 256 tokens (71% of documents) {CUT_SCORES.mean():.4f}; "
        f"{CHUNKED} {CHUNK_SCORES.mean():.4f}, 1.75 chunks and 2,688 B per document ({gain:+.4f}, p = {said})."
    ]
    assert float(said) == pytest.approx(p, abs=0.003)
    assert "## Long documents" in markdown(report)
    assert report.gathered.points["model"].unique().tolist() == ["m · whole documents", f"m · {CHUNKED}"]


def test_several_ways_are_tested_together_and_whole_documents_are_not_called_cut(
    write_run: WriteRun, config: Config
) -> None:
    write(write_run, "a", CHUNKED, CHUNK_SCORES)
    write(write_run, "b", BY_SENTENCE, noisy(0.51, seed=5))
    write(write_run, "c", "none", CUT_SCORES)
    (line,) = make_report(config()).long_documents
    assert line.startswith(f"m on x, nDCG@10 (384 dims · float32 · exact): whole {CUT_SCORES.mean():.4f}; {CHUNKED}")
    assert len(line.split("p = ")) == 3


def test_nothing_is_said_of_what_was_split_in_one_way_alone(write_run: WriteRun, config: Config) -> None:
    write(write_run, "a", "none", CUT_SCORES)
    write_run("b", {"y": {(384, "float32"): CHUNK_SCORES}}, model="org/m", chunking=CHUNKED)
    report = make_report(config())
    assert report.long_documents == []
    assert "## Long documents" not in markdown(report)


def test_without_per_query_values_there_is_no_p(write_run: WriteRun, config: Config) -> None:
    write(write_run, "a", "none", CUT_SCORES)
    of_chunks = {"x": {(384, "float32"): CHUNK_SCORES}}
    folder = write_run("b", of_chunks, model="org/m", chunking=CHUNKED, runtime=READS_256)
    (folder / "queries.parquet").unlink()
    (line,) = make_report(config()).long_documents
    assert "p = " not in line
    assert f"({CHUNK_SCORES.mean() - CUT_SCORES.mean():+.4f})" in line


@pytest.mark.parametrize(("known", "words"), [(0, "whole"), (None, "unsplit (how many were cut is not known)")])
def test_documents_are_called_whole_only_where_none_was_cut(
    known: int | None, words: str, write_run: WriteRun, config: Config
) -> None:
    write(write_run, "a", "none", CUT_SCORES, truncated_texts=known)
    write(write_run, "b", CHUNKED, CHUNK_SCORES)
    (sentence,) = make_report(config()).long_documents
    assert f": {words} {CUT_SCORES.mean():.4f}" in sentence
