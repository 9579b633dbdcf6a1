"""Queries that depend on each other are told from those that don't, and from those of which nothing is known."""

import json
from pathlib import Path

import pandas as pd
import pytest

from evalkit.__main__ import main
from evalkit.corpora import Corpus, load_corpus
from evalkit.corpora.corpus import build_corpus
from evalkit.errors import UserError
from evalkit.results.reader import read_run, stored_runs

DOCUMENTS = [("d1", "red"), ("d2", "blue"), ("d3", "green")]
QUERIES = [("q1", "a"), ("q2", "b"), ("q3", "c")]
ONE_EACH = {"q1": {"d1": 1, "d2": 0}, "q2": {"d1": 2}, "q3": {"d3": 1}}
BEIR_KEYS = [{"cluster": "page"}, {"metadata": {"cluster": 7}}, {"metadata": {}}, {"cluster": None}, {}, {}]


def beir(folder: Path) -> Corpus:
    return load_corpus("beir", {"source": "beir", "path": str(folder)})


def write_keys(folder: Path, keys: list[dict[str, object]]) -> None:
    lines = [json.dumps({"_id": f"q{i}", "text": "red", **key}) for i, key in enumerate(keys)]
    (folder / "queries.jsonl").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("name", "clusters", "clustered_by"),
    [
        ("xquad-en", 240, "relevant document"),
        ("mbpp", 974, "relevant document"),
        ("cranfield", None, None),
        ("scifact", None, None),
    ],
)
def test_real_collections_are_clustered_by_document_where_each_query_has_one(
    shared_data: Path, name: str, clusters: int | None, clustered_by: str | None
) -> None:
    corpus = beir(shared_data / name)
    assert (corpus.clusters and len(set(corpus.clusters.values())), corpus.clustered_by) == (clusters, clustered_by)


def test_xquads_clusters_are_the_paragraphs_of_its_judgments(shared_data: Path) -> None:
    corpus = beir(shared_data / "xquad-en")
    qrels = pd.read_csv(shared_data / "xquad-en" / "qrels" / "test.tsv", sep="\t", dtype=str)
    assert corpus.clusters == dict(zip(qrels["query-id"], qrels["corpus-id"], strict=True))


def test_only_grades_above_zero_make_a_document_relevant() -> None:
    assert build_corpus("c", DOCUMENTS, QUERIES, ONE_EACH).clusters == {"q1": "d1", "q2": "d1", "q3": "d3"}
    for grades in ({"d1": 1, "d2": 1}, {"d1": 0}):
        assert build_corpus("c", DOCUMENTS, QUERIES, {**ONE_EACH, "q1": grades}).clusters is None


def test_a_cluster_key_wins_and_queries_without_one_stand_alone(colours: Path) -> None:
    write_keys(colours, BEIR_KEYS)
    corpus = beir(colours)
    assert corpus.clusters == {
        **{"q0": "page", "q1": "7"},
        **{f"q{i}": f"query q{i}" for i in range(2, 6)},
    }
    assert corpus.clustered_by == "cluster key"


def test_a_query_alone_never_falls_into_a_cluster_that_is_called_like_it() -> None:
    corpus = build_corpus("c", DOCUMENTS, QUERIES, ONE_EACH, cluster_keys={"q1": "query q2", "q2": "query query q3"})
    assert corpus.clusters is not None
    assert len(set(corpus.clusters.values())) == 3


def test_keys_of_queries_that_nobody_judged_change_nothing() -> None:
    corpus = build_corpus("c", DOCUMENTS, QUERIES, {"q1": {"d1": 1}}, cluster_keys={"q2": "page"})
    assert corpus.clustered_by == "relevant document"


def test_no_fingerprint_depends_on_clusters_since_no_score_does() -> None:
    plain = build_corpus("c", DOCUMENTS, QUERIES, ONE_EACH)
    assert build_corpus("c", DOCUMENTS, QUERIES, ONE_EACH, cluster_keys={"q1": "x"}).fingerprint == plain.fingerprint


def test_a_cluster_that_is_no_name_is_refused_with_its_line(colours: Path) -> None:
    write_keys(colours, [{}, {"cluster": ["a", "b"]}])
    with pytest.raises(UserError, match=r"queries.jsonl line 2: 'cluster' holds a list"):
        beir(colours)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_tables_column_of_clusters_is_read_where_it_is_named(colours: Path, tmp_path: Path, suffix: str) -> None:
    queries = pd.DataFrame({"id": ["q0", "q1", "q2"], "text": "red", "user": ["u1", "u1", None]})
    file = tmp_path / f"queries.{suffix}"
    (queries.to_csv if suffix == "csv" else queries.to_parquet)(file, index=False)
    settings = {
        "source": "table",
        "documents": str(colours / "corpus.jsonl"),
        "queries": str(file),
        "qrels": str(tmp_path / "qrels.csv"),
        "document_id": "_id",
    }
    (tmp_path / "qrels.csv").write_text("query_id,document_id,score\nq0,d0,1\nq1,d1,1\nq2,d1,1\n")
    assert load_corpus("c", settings).clusters == {"q0": "d0", "q1": "d1", "q2": "d1"}
    assert load_corpus("c", {**settings, "query_cluster": "user"}).clusters == {
        "q0": "u1",
        "q1": "u1",
        "q2": "query q2",
    }
    with pytest.raises(UserError, match=r"no column 'users'.*\n.*Did you mean 'user'"):
        load_corpus("c", {**settings, "query_cluster": "users"})


@pytest.mark.parametrize("model", ["vectors", "bm25"])
def test_every_point_of_a_run_names_the_cluster_of_each_query(
    tiny_run: list[str], colours: Path, tmp_path: Path, model: str
) -> None:
    write_keys(colours, BEIR_KEYS)
    of_bm25 = ["model=bm25", *(word for word in tiny_run if not word.startswith("model"))]
    assert main(of_bm25 if model == "bm25" else [*tiny_run, "dims=[8,32]", "stages=bm25"]) == 0
    run = read_run(stored_runs(tmp_path / "results")[0])
    (corpus,) = run.about["corpora"]
    assert (corpus["clusters"], corpus["clustered_by"]) == (6, "cluster key")
    queries = run.queries()
    assert len(queries) == 6 * len(run.points())
    assert set(zip(queries["query_id"], queries["cluster"], strict=True)) == set((beir(colours).clusters or {}).items())


def test_dependence_that_is_not_modelled_and_older_runs_read_as_null(
    tiny_run: list[str], colours: Path, tmp_path: Path
) -> None:
    with (colours / "qrels" / "test.tsv").open("a") as qrels:
        qrels.write("q0\td1\t1\n")
    assert main(tiny_run) == 0
    run = read_run(stored_runs(tmp_path / "results")[0])
    assert (run.about["corpora"][0]["clusters"], run.about["corpora"][0]["clustered_by"]) == (None, None)
    assert run.queries()["cluster"].isna().all()
    file = run.folder / "queries.parquet"
    pd.read_parquet(file).drop(columns="cluster").to_parquet(file)
    (run.folder / "run.json").write_text(json.dumps({key: run.about[key] for key in run.about if key != "files"}))
    assert read_run(run.folder).queries()["cluster"].isna().all()
