"""A run of a spoilt corpus has the figures of what its files say, by trec_eval, or is refused in a line."""

import random
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import pytrec_eval
from hypothesis import given
from hypothesis import strategies as st

from evalkit.corpora import Corpus
from evalkit.results.reader import StoredRun, read_run
from tests.fuzz.data import REFUSED, Rows, expected, sound, written
from tests.fuzz.rule import ended, fuzz
from tests.fuzz.test_data import CHANCE, CHANGES, STRINGS, VALUES

QUICK = ["top_k=10", "measures=[nDCG@10,R@10]", "runtime.latency_calls=1", "at_workload_seconds=0"]


@fuzz(whole=60, sample=1)
@given(layout=st.sampled_from(("beir tsv", "beir jsonl")), change=st.sampled_from(CHANGES), chance=CHANCE)
def test_a_run_of_changed_rows_has_the_figures_of_the_corpus_that_they_are(
    layout: str, change: Callable[..., None], chance: random.Random
) -> None:
    rows = sound()
    change(rows, chance, STRINGS if layout == "beir tsv" else VALUES)
    if not all(rows.values()):
        return
    with TemporaryDirectory() as temporary:
        written(rows, layout, Path(temporary, "own"))
        run, corpus = run_of(Path(temporary, "own"), Path(temporary, "results")), expected(rows)
        assert (run is REFUSED) == (corpus is REFUSED)
        if run is REFUSED or corpus is REFUSED:
            return
        assert_figures_of(run, corpus)
        written(rows_of(corpus), "beir jsonl", Path(temporary, "again", "own"))
        again = run_of(Path(temporary, "again", "own"), Path(temporary, "results again"))
        assert again is not REFUSED
        assert figures(again) == figures(run)


def run_of(corpus: Path, results: Path) -> StoredRun | None:
    """What a run of BM25 stored, or REFUSED."""
    ending = ended(["model=bm25", "corpus=beir", f"corpus.beir.path={corpus}", f"results_dir={results}", *QUICK])
    ending.assert_told()
    return REFUSED if ending.code else read_run(Path(ending.out.strip()))


def figures(run: StoredRun) -> dict[str, Any]:
    (point,) = run.about["points"]
    return {name: point[name] for name in ("nDCG@10", "R@10", "corpus_fingerprint", "queries")}


def assert_figures_of(run: StoredRun, corpus: Corpus) -> None:
    """nDCG@10 and R@10 are what trec_eval finds of the run's rankings by the judgments of ``corpus``."""
    ranked: dict[str, dict[str, float]] = {query: {} for query in corpus.qrels}
    rankings = run.rankings()
    for query, document, rank in zip(rankings["query_id"], rankings["document_id"], rankings["rank"], strict=True):
        ranked[query][document] = -float(rank)
    judge = pytrec_eval.RelevanceEvaluator(dict(corpus.qrels), {"ndcg_cut.10", "recall.10"})
    judged = judge.evaluate(ranked)
    for name, measure in (("nDCG@10", "ndcg_cut_10"), ("R@10", "recall_10")):
        mean = sum(judged.get(query, {}).get(measure, 0.0) for query in corpus.queries.ids) / len(corpus.queries.ids)
        assert figures(run)[name] == pytest.approx(mean, abs=1e-6)


def rows_of(corpus: Corpus) -> Rows:
    """``corpus`` as rows, its empty documents too."""
    texts = [
        *zip(corpus.documents.ids, corpus.documents.texts, strict=True),
        *((e, "") for e in corpus.empty_documents),
    ]
    queries = zip(corpus.queries.ids, corpus.queries.texts, strict=True)
    return {
        "documents": [{"id": id_, "text": text} for id_, text in texts],
        "queries": [{"id": id_, "text": text} for id_, text in queries],
        "qrels": [
            {"query_id": query, "document_id": document, "score": grade}
            for query, grades in corpus.qrels.items()
            for document, grade in grades.items()
        ],
    }
