"""Filters of a run: points beside the unfiltered one, judged among what passes; what can't be is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evalkit.__main__ import main
from evalkit.gate.pairing import NotComparableError, pairs
from evalkit.reports.data.intervals import intervals
from evalkit.reports.data.one_run import report_of_run
from evalkit.results.reader import StoredRun, read_run, rows_by_point, stored_runs
from evalkit.results.setting import KEY, label_of
from evalkit.results.stored_points import points_of
from evalkit.results.table import points_tables

WORDS = ("red", "green", "blue", "grey", "pink", "gold", "teal", "cyan")
SMALL_RUN = ("top_k=20", "serve_k=10", "measures=[nDCG@10,R@10]", "runtime.latency_calls=5", "at_workload_seconds=0")


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Twenty-four documents in three languages, one without any; each question has two answers, de and en."""
    folder = tmp_path / "labelled"
    (folder / "qrels").mkdir(parents=True)
    languages = ["de", "en", "fr"]
    documents = [
        {
            "_id": f"{number:02d}",
            "text": f"{WORDS[number % 8]} {WORDS[number // 8]} number {number}",
            "year": 2000 + number % 2,
            "tags": ["a", "b"],
            "metadata": {"lang": languages[number // 8], "is_new": number % 2 == 0} if number else {},
        }
        for number in range(24)
    ]
    queries = [{"_id": f"q{number}", "text": f"{WORDS[number]} number"} for number in range(8)]
    judgments = [f"q{number}\t{number + 8 * half:02d}\t1" for number in range(8) for half in (0, 1)]
    lines = {"corpus": documents, "queries": queries}
    for name, rows in lines.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    text = "query-id\tcorpus-id\tscore\n" + "\n".join(judgments) + "\n"
    (folder / "qrels" / "test.tsv").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def run(labelled: Path, tiny_model: Path, tmp_path: Path) -> list[str]:
    return [
        *("model=local", f"model.path={tiny_model}", "model.native_dims=32", *SMALL_RUN),
        *("corpus=beir", f"corpus.beir.path={labelled}"),
        *(f"results_dir={tmp_path / 'results'}", f"store.path={tmp_path / 'store'}"),
    ]


def stored(tmp_path: Path) -> StoredRun:
    return read_run(stored_runs(tmp_path / "results")[-1])


def by_filter(tmp_path: Path) -> dict[str, dict[str, Any]]:
    return {point["filter"]: point for point in stored(tmp_path).about["points"]}


def test_each_value_is_a_filter_beside_all_documents(run: list[str], tmp_path: Path, capsys: Any) -> None:
    assert main([*run, "filter.field=lang"]) == 0
    assert "labelled: lang=fr has no quality: none of the 8 documents that pass is" in capsys.readouterr().err
    points = by_filter(tmp_path)
    assert list(points) == ["", "lang=en", "lang=fr", "lang=de"]  # those of most documents first
    assert [point["queries"] for point in points.values()] == [8, 8, 0, 7]
    assert [point["selectivity"] for point in points.values()] == [None, 8 / 24, 8 / 24, 7 / 24]
    nowhere = points["lang=fr"]
    assert (nowhere["nDCG@10"], nowhere["overlap@10"], nowhere["returned@k"]) == (None, 1.0, 1.0)
    assert "relevant" in nowhere["unmeasured"]["nDCG@10"]
    assert points["lang=de"]["returned@k"] == 1.0  # seven of the seven that pass, though ten are asked for
    assert points["lang=de"]["overlap@10"] == 1.0
    assert points[""]["unmeasured"]["returned@k"] == "all documents are searched"
    assert label_of(points["lang=de"]) == "labelled 32 float32 flat lang=de"
    assert points["lang=de"]["search_ms_mean_at_workload"] is None
    assert "filtered searches" in points["lang=de"]["unmeasured"]["search_ms_mean_at_workload"]
    assert points["lang=de"]["cost_month_usd"] is None
    assert points["lang=de"]["search_ms_p50"] > 0


def test_rankings_and_values_are_of_what_passes(run: list[str], tmp_path: Path) -> None:
    assert main([*run, "filter.field=lang", "filter.values=[de]"]) == 0
    rankings = stored(tmp_path).rankings()
    german = rankings[rankings["filter"] == "lang=de"]
    assert set(german["document_id"]) == {f"{number:02d}" for number in range(1, 8)}
    queries = stored(tmp_path).queries()
    german_values = queries[queries["filter"] == "lang=de"].set_index("query_id")["R@10"]
    assert set(german_values.index) == {f"q{number}" for number in range(1, 8)}
    assert (german_values == 1.0).all()  # its one answer among seven, all of which are found
    assert by_filter(tmp_path)["lang=de"]["R@10"] == 1.0


@pytest.mark.parametrize(
    ("field", "names"),
    [
        ("year", ["year=2000", "year=2001"]),
        ("is_new", ["is_new=true", "is_new=false"]),
    ],
)
def test_columns_numbers_and_truth_values_are_metadata_too(
    run: list[str], tmp_path: Path, field: str, names: list[str]
) -> None:
    assert main([*run, f"filter.field={field}"]) == 0
    assert set(by_filter(tmp_path)) == {"", *names}


def test_values_may_be_written_as_their_type(run: list[str], tmp_path: Path) -> None:
    assert main([*run, "filter.field=is_new", "filter.values=[true]"]) == 0
    assert list(by_filter(tmp_path)) == ["", "is_new=true"]


def test_stages_reorder_what_passes_and_words_are_filtered_exactly(run: list[str], tmp_path: Path) -> None:
    assert main([*run, "filter.field=lang", "filter.values=[en]", "stages=bm25"]) == 0
    about = stored(tmp_path).about
    found = {(point["filter"], point["stages"]) for point in about["points"]}
    assert found == {("", ""), ("", "bm25"), ("lang=en", ""), ("lang=en", "bm25")}
    rankings = stored(tmp_path).rankings()
    english = rankings[(rankings["filter"] == "lang=en") & (rankings["stages"] == "bm25")]
    assert set(english["document_id"]) == {f"{number:02d}" for number in range(8, 16)}
    fused = next(point for point in about["points"] if point["filter"] and point["stages"])
    assert fused["selectivity"] == 8 / 24
    assert fused["returned@k"] == 1.0


def test_bm25_alone_is_filtered(run: list[str], tmp_path: Path) -> None:
    words = [word for word in run if not word.startswith("model")]
    assert main([*words, "model=bm25", "filter.field=lang", "filter.values=[en]"]) == 0
    rankings = stored(tmp_path).rankings()
    english = rankings[rankings["filter"] == "lang=en"]
    assert set(english["document_id"]) <= {f"{number:02d}" for number in range(8, 16)}
    everything = rankings[rankings["filter"] == ""]
    for query, group in english.groupby("query_id"):
        all_of_query = everything[everything["query_id"] == query]
        expected = [d for d in all_of_query["document_id"] if 8 <= int(d) < 16]
        assert list(group["document_id"])[: len(expected)] == expected


def test_chunks_pass_with_their_document(run: list[str], tmp_path: Path) -> None:
    chunked = ["chunking=tokens", "chunking.size=3"]
    assert main([*run, *chunked, "filter.field=lang", "filter.values=[en]", "index=[flat,hnsw]"]) == 0
    rankings = stored(tmp_path).rankings()
    english = rankings[rankings["filter"] == "lang=en"]
    assert set(english["document_id"]) == {f"{number:02d}" for number in range(8, 16)}


def test_a_graph_says_how_many_results_came_back(run: list[str], tmp_path: Path) -> None:
    narrow = ["index=hnsw", "index.hnsw.search.efSearch=[10]", "serve_k=5", "filter.selectivity=[0.5]"]
    assert main([*run, *narrow, "top_k=20"]) == 0
    point = by_filter(tmp_path)["random<0.5"]
    rankings = stored(tmp_path).rankings()
    filtered = rankings[rankings["filter"] == "random<0.5"]
    counts = filtered[filtered["rank"] <= 5].groupby("query_id").size()
    most = min(5, round(point["selectivity"] * 24))
    assert point["returned@k"] == pytest.approx(np.minimum(counts, most).sum() / most / point["queries"])


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        (["filter.field=lnag"], "'labelled': its documents have no metadata 'lnag'", "Did you mean 'lang'?"),
        (["filter.field=colour"], "no metadata 'colour'", "Known: is_new, lang, tags, year."),
        (["filter.field=tags"], "'tags' holds a list, no single value", "one value for each document"),
        (["filter.field=lang", "filter.values=[ed]"], "no document has lang=ed", "Known: de, en, fr."),
        (["filter.selectivity=[0.001]"], "none of its 24 documents passes random<0.001", "Give larger shares"),
        (["filter.field=lang", "filter.selectivity=[0.1]"], "both field and selectivity", "Give one of them"),
        (["filter.values=[de]"], "filter.values are of no field", "filter.field="),
        (["filter.field=lang", "search_device=cuda"], "filters are searched on the CPU alone", "Set search_device=cpu"),
        (["filter.selectivity=[1.5]"], "filter.selectivity=1.5 is not possible", "from 0.000001"),
    ],
)
def test_what_can_not_be_is_refused_before_anything_is_encoded(
    run: list[str], tmp_path: Path, words: list[str], said: str, hint: str, capsys: Any
) -> None:
    assert main([*run, *words]) == 2
    message = capsys.readouterr().err
    assert said in message, message
    assert hint in message, message
    assert not list(tmp_path.glob("store/*/vectors.npy"))


def test_an_engine_that_takes_no_filter_is_named(run: list[str], tmp_path: Path, capsys: Any) -> None:
    assert main([*run, "filter.field=lang", "quantization=lsh"]) == 2
    assert "FAISS's IndexLSH takes no filter" in capsys.readouterr().err
    assert not list(tmp_path.glob("store/*/vectors.npy"))


def test_a_corpus_without_metadata_says_how_else_to_filter(tiny_run: list[str], capsys: Any) -> None:
    assert main([*tiny_run, "filter.field=lang"]) == 2
    assert "filter.selectivity=[0.1] filters documents by chance" in capsys.readouterr().err


def test_a_gate_meets_filters_with_themselves_and_refuses_other_documents(
    run: list[str], labelled: Path, tmp_path: Path, capsys: Any
) -> None:
    words = [*run, "filter.field=lang", "filter.values=[en]"]
    assert main(words) == 0
    before = stored(tmp_path)
    assert main(words) == 0
    same = pairs(before, stored(tmp_path), ["corpus", "quantization", "index"])[0]
    assert [(pair.baseline["filter"], pair.candidate["filter"]) for pair in same] == [("", ""), ("lang=en", "lang=en")]
    documents = labelled / "corpus.jsonl"
    documents.write_text(documents.read_text().replace('"lang": "fr"', '"lang": "en"'), encoding="utf-8")
    assert main(words) == 0
    with pytest.raises(NotComparableError, match="other documents pass lang=en"):
        pairs(before, stored(tmp_path), ["corpus", "quantization", "index"])


def test_a_report_ranks_by_all_documents_and_has_each_filter_as_a_corpus_of_its_own(
    run: list[str], tmp_path: Path
) -> None:
    assert main([*run, "filter.field=lang", "index=[flat,hnsw]"]) == 0
    report = report_of_run(stored(tmp_path))
    names = [scope.name for scope in report.scopes]
    assert names == ["labelled", "labelled · lang=en", "labelled · lang=fr", "labelled · lang=de"]
    assert not report.gathered.problems
    assert len(report.queries["labelled · lang=de"].query_ids) == 7
    assert set(report.table["filter"]) == {""}


def test_a_run_from_before_filters_reads_as_one_of_all_documents(run: list[str], tmp_path: Path) -> None:
    assert main(run) == 0
    folder = stored(tmp_path).folder
    about = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    for point in about["points"]:
        del point["filter"]
    about.pop("files", None)
    (folder / "run.json").write_text(json.dumps(about), encoding="utf-8")
    for name in ("queries", "rankings", "latencies"):
        table = pd.read_parquet(folder / f"{name}.parquet").drop(columns="filter")
        table.to_parquet(folder / f"{name}.parquet")
    older = read_run(folder)
    assert [point["filter"] for point in older.about["points"]] == [""]
    assert set(older.queries()["filter"]) == {""}
    assert len(rows_by_point(older.rankings())) == 1


def test_the_terminal_has_filters_in_a_table_of_their_own_at_80_columns(run: list[str], tmp_path: Path) -> None:
    assert main([*run, "filter.field=lang", "index=[flat,hnsw]"]) == 0
    points = points_of(stored(tmp_path))
    report = report_of_run(stored(tmp_path))
    whole, filtered = points_tables(points, ["nDCG@10", "R@10"], 80, intervals(report))
    assert [str(column.header) for column in whole.columns][:4] == ["dims", "quantization", "index", "nDCG@10"]
    headers = [str(column.header) for column in filtered.columns]
    assert headers[:4] == ["filter", "dims", "quantization", "index"]
    assert {"returned @k", "overlap @10"} <= set(headers)
    assert str(filtered.title).endswith("labelled · by filter · 7 to 8 queries")
    _, wide = points_tables(points, ["nDCG@10", "R@10"], 160, intervals(report))
    qualities = [cell for column in wide.columns if str(column.header) == "nDCG@10" for cell in column.cells]
    judged = [bool(point.queries) for point in points if point.setting.filter]
    assert sorted("±" in str(cell) or "[" in str(cell) for cell in qualities) == sorted(judged)


def test_intervals_and_comparisons_are_of_the_questions_of_one_filter(run: list[str], tmp_path: Path) -> None:
    """Each interval is that of the point's own questions alone, and no p-value is of settings of two filters."""
    assert main([*run, "filter.field=lang", "index=[flat,hnsw]", "stages=bm25"]) == 0
    report = report_of_run(stored(tmp_path))
    queries = stored(tmp_path).queries()
    values = rows_by_point(queries)
    bounds = intervals(report)
    for scope in report.scopes:
        filters = {report.gathered.points["filter"][row] for rows in scope.members for row in rows}
        assert len(filters) == 1
        assert len(scope.corpora) == 1
    for point in points_of(stored(tmp_path)):
        low, high = bounds[point.setting.key]
        if not point.queries:
            continue
        own = queries["nDCG@10"].to_numpy()[values[point.setting.key]]
        assert len(own) == point.queries
        assert low <= own.mean() <= high
    assert {key[KEY.index("filter")] for key in bounds} == {"", "lang=de", "lang=en", "lang=fr"}


def test_compare_holds_no_filter_against_another(run: list[str], tmp_path: Path, capsys: Any) -> None:
    words = [*run, "filter.field=lang", "filter.values=[de,en]", "index=[flat,hnsw]"]
    assert main(words) == 0
    assert main(words) == 0
    capsys.readouterr()
    first, second = (folder.name for folder in stored_runs(tmp_path / "results"))
    assert main(["compare", first, second, f"results_dir={tmp_path / 'results'}", "--json"]) == 0
    compared = json.loads(capsys.readouterr().out)
    names = [each["setting"] for each in compared["quality"] if each["measure"] == "nDCG@10"]
    assert len(names) == len(set(names))
    assert sum("lang=de" in name for name in names) == sum("lang=en" in name for name in names) > 0
