"""Each source reads what it should, and says file and line where it can't."""

import gzip
import json
import re
from pathlib import Path

import pandas as pd
import pytest

from evalkit.corpora import load_corpus
from evalkit.corpora.judgments import collect
from evalkit.corpora.mteb import read_judgments
from evalkit.corpora.pydoc import split_docstring
from evalkit.errors import UserError


def beir(folder: Path, **settings: object) -> dict[str, object]:
    return {"source": "beir", "path": str(folder), **settings}


@pytest.mark.parametrize(
    ("name", "documents", "queries", "judgments"),
    [
        ("scifact", 5183, 300, 339),
        ("mbpp", 974, 974, 974),
        ("cranfield", 1398, 225, 1837),
        ("xquad-en", 240, 1185, 1185),
    ],
)
def test_real_beir_folders_are_read_whole(
    shared_data: Path, name: str, documents: int, queries: int, judgments: int
) -> None:
    corpus = load_corpus("beir", beir(shared_data / name))
    assert (corpus.name, len(corpus.documents), len(corpus.queries), corpus.judgments) == (
        name,
        documents,
        queries,
        judgments,
    )
    assert corpus.excluded == {}


def test_cranfields_two_empty_documents_are_found(shared_data: Path) -> None:
    corpus = load_corpus("beir", beir(shared_data / "cranfield"))
    assert [(f.check, f.examples) for f in corpus.findings] == [("empty_documents", ("471", "995"))]


def test_a_folder_as_the_hub_lays_data_sets_out_is_read(colours: Path) -> None:
    plain = load_corpus("beir", beir(colours))
    for stem in ("corpus", "queries"):
        (colours / stem).mkdir()
        rows = pd.read_json(colours / f"{stem}.jsonl", lines=True, dtype=str)
        rows.to_parquet(colours / stem / f"{stem}-00000-of-00001.parquet")
        (colours / f"{stem}.jsonl").unlink()
    qrels = pd.read_csv(colours / "qrels" / "test.tsv", sep="\t")
    for part, rows in enumerate((qrels[:2], qrels[2:])):
        rows.to_parquet(colours / "qrels" / f"test-0000{part}-of-00002.parquet")
    (colours / "qrels" / "test.tsv").unlink()
    moved = colours.rename(colours.with_name("colours [2]"))
    assert load_corpus("beir", beir(moved)).fingerprint == plain.fingerprint


def test_another_split_judges_other_queries(shared_data: Path) -> None:
    corpus = load_corpus("beir", beir(shared_data / "scifact", split="train"))
    assert (len(corpus.queries), corpus.judgments) == (809, 919)


def test_gzipped_files_and_trec_qrels_read_as_plain_ones(colours: Path) -> None:
    plain = load_corpus("beir", beir(colours))
    for stem in ("corpus", "queries"):
        file = colours / f"{stem}.jsonl"
        (colours / f"{stem}.jsonl.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    tsv = colours / "qrels" / "test.tsv"
    lines = [line.split("\t") for line in tsv.read_text().splitlines()[1:]]
    (colours / "qrels" / "test.qrels").write_text("".join(f"{q} 0 {d} {g}\n" for q, d, g in lines))
    tsv.unlink()
    assert load_corpus("beir", beir(colours)).fingerprint == plain.fingerprint


def test_grades_may_be_written_as_decimals_and_headers_may_differ(colours: Path) -> None:
    plain = load_corpus("beir", beir(colours))
    tsv = colours / "qrels" / "test.tsv"
    tsv.write_text(tsv.read_text().replace("\t1\n", "\t1.0\n").replace("\tscore", "\trelevance"))
    assert load_corpus("beir", beir(colours)).fingerprint == plain.fingerprint


def test_windows_line_ends_and_a_byte_order_mark_change_nothing(colours: Path) -> None:
    plain = load_corpus("beir", beir(colours))
    for file in (colours / "corpus.jsonl", colours / "qrels" / "test.tsv"):
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert load_corpus("beir", beir(colours)).fingerprint == plain.fingerprint


@pytest.mark.parametrize(
    ("file", "content", "expected"),
    [
        ("corpus.jsonl", b'{"_id": "d0", "text": "x"}\n{"_id": "d1", "text"', r"corpus.jsonl line 2 is not JSON"),
        ("corpus.jsonl", b'["d0"]\n', r"corpus.jsonl line 1 is no JSON object"),
        ("corpus.jsonl", b'{"_id": "d0", "txt": "x"}\n', r"corpus.jsonl line 1 has no column 'text'"),
        ("corpus.jsonl", b'{"_id": "d0", "text": "caf\xe9"}\n', r"corpus.jsonl line 1 is not UTF-8"),
        ("corpus.jsonl", b"", "has no documents"),
        ("queries.jsonl", b'{"_id": null, "text": "x"}\n', r"queries.jsonl line 1 has nothing in '_id'"),
        ("qrels/test.tsv", b"query-id\tcorpus-id\tscore\nq0\td0\n", r"test.tsv line 2 has 2 columns"),
        ("qrels/test.tsv", b"q0\td0\tyes\n", r"test.tsv line 1: no column of 'q0', 'd0', 'yes' is known as the query"),
        ("qrels/test.tsv", b"q0\td0\t1\nq0\td0\t2\n", r"test.tsv line 2 judges 'd0' for 'q0' with 2, line 1 with 1"),
        ("qrels/test.tsv", b"query-id\tcorpus-id\tscore\n", "has no judgments"),
    ],
)  # fmt: skip
def test_what_can_not_be_read_is_named_with_its_line(colours: Path, file: str, content: bytes, expected: str) -> None:
    (colours / file).write_bytes(content)
    with pytest.raises(UserError, match=expected):
        load_corpus("beir", beir(colours))


def test_a_missing_split_offers_those_that_are_there(colours: Path) -> None:
    with pytest.raises(UserError, match="Did you mean 'test'"):
        load_corpus("beir", beir(colours, split="tests"))


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_own_tables_give_the_same_corpus_in_every_format(colours: Path, tmp_path: Path, suffix: str) -> None:
    expected = load_corpus("beir", beir(colours))
    documents = pd.read_json(colours / "corpus.jsonl", lines=True).rename(columns={"_id": "key", "text": "body"})
    queries = pd.read_json(colours / "queries.jsonl", lines=True).rename(columns={"_id": "id"})
    qrels = pd.read_csv(colours / "qrels" / "test.tsv", sep="\t")
    settings = {"source": "table", "document_id": "key", "document_title": "title", "document_text": "body"}
    settings |= {"qrels_query": "query-id", "qrels_document": "corpus-id"}
    writers = {
        "csv": lambda frame, file: frame.to_csv(file, index=False),
        "jsonl": lambda frame, file: frame.to_json(file, orient="records", lines=True),
        "parquet": lambda frame, file: frame.to_parquet(file),
    }
    for key, frame in (("documents", documents), ("queries", queries), ("qrels", qrels)):
        writers[suffix](frame, tmp_path / f"{key}.{suffix}")
        settings[key] = str(tmp_path / f"{key}.{suffix}")
    assert load_corpus("table", settings).fingerprint == expected.fingerprint


def case(shared_data: Path, qrels: str) -> dict[str, object]:
    folder = shared_data / "cases" / "table-duplicate-judgments"
    files = {"documents": "documents.jsonl", "queries": "queries.jsonl", "qrels": qrels}
    return {"source": "table", **{key: str(folder / name) for key, name in files.items()}}


@pytest.mark.parametrize(
    ("qrels", "expected"),
    [
        ("qrels.jsonl", r"qrels.jsonl line 2 judges 'd0' for 'q0' with 0, line 1 with 2\."),
        ("qrels-reversed.jsonl", r"qrels-reversed.jsonl line 7 judges 'd0' for 'q0' with 2, line 6 with 0\."),
    ],
)
def test_a_pair_judged_twice_is_refused_with_both_lines_in_any_order(
    shared_data: Path, qrels: str, expected: str
) -> None:
    with pytest.raises(UserError, match=expected):
        load_corpus("table", case(shared_data, qrels))


@pytest.mark.parametrize(("suffix", "places"), [("csv", ("line 4", "line 2")), ("parquet", ("row 3", "row 1"))])
def test_a_pair_judged_twice_in_a_table_is_refused_with_both_rows(
    colours: Path, tmp_path: Path, suffix: str, places: tuple[str, str]
) -> None:
    rows = [("q0", "d0", 1), ("q1", "d1", 1), ("q0", "d0", 2)]
    frame = pd.DataFrame(rows, columns=["query_id", "document_id", "score"])
    file = tmp_path / f"qrels.{suffix}"
    (frame.to_csv if suffix == "csv" else frame.to_parquet)(file, index=False)
    settings = {"source": "table", "documents": str(colours / "corpus.jsonl"), "document_id": "_id"}
    settings |= {"queries": str(colours / "queries.jsonl"), "query_id": "_id", "qrels": str(file)}
    with pytest.raises(UserError, match=f"{places[0]} judges 'd0' for 'q0' with 2, {places[1]} with 1"):
        load_corpus("table", settings)


def test_a_pair_judged_twice_alike_counts_once(colours: Path) -> None:
    plain = load_corpus("beir", beir(colours))
    with (colours / "qrels" / "test.tsv").open("a") as qrels:
        qrels.write("q0\td0\t1\n")
    assert load_corpus("beir", beir(colours)).fingerprint == plain.fingerprint


def test_mtebs_judgments_follow_the_same_rule() -> None:
    relevant = {"q": {1: 2, "1": 0}}
    with pytest.raises(UserError, match="T judgment 2 judges '1' for 'q' with 0, judgment 1 with 2"):
        collect(read_judgments("T", relevant))
    assert collect(read_judgments("T", {1: {2: 1.0}})) == {"1": {"2": 1}}
    with pytest.raises(UserError, match=r"T judgment 1: the grade 0.5 is no whole number"):
        collect(read_judgments("T", {"q": {"d": 0.5}}))


def test_a_wrong_column_offers_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("id,txet\n1,red\n")
    (tmp_path / "q.csv").write_text("query_id,document_id,score\n1,1,1\n")
    files = {"documents": str(tmp_path / "d.csv"), "queries": str(tmp_path / "q.csv"), "qrels": str(tmp_path / "q.csv")}
    settings = {"source": "table", **files}
    with pytest.raises(UserError, match=r"row 1 has no column 'text'.*\n.*Did you mean 'txet'"):
        load_corpus("table", settings)


def test_unknown_sources_and_settings_are_refused() -> None:
    with pytest.raises(UserError, match="Did you mean 'beir'"):
        load_corpus("c", {"source": "bier"})
    with pytest.raises(UserError, match="Did you mean 'split'"):
        load_corpus("c", {"source": "beir", "path": ".", "splitt": "x"})


def test_pydoc_pairs_summaries_with_bodies(tmp_path: Path) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "mod.py").write_text(
        '''
class Outer:
    """Four words of summary.

    A body that has at the very least eight words in it.
    """

    async def inner(self):
        """Another summary of
        five words.

        And a second body, again with more than eight words.
        """

def short():
    """Too short.

    A body that has at the very least eight words in it, too.
    """

def copy():
    """Four words of summary.

    Some other body of at least eight words goes right here.
    """
'''
    )
    (tmp_path / "pkg" / "broken.py").write_text("def (:")
    corpus = load_corpus("pydoc", {"source": "pydoc", "root": str(tmp_path)})
    assert dict(zip(corpus.documents.ids, corpus.documents.texts, strict=True)) == {
        "pkg.mod:Outer": "A body that has at the very least eight words in it.",
        "pkg.mod:Outer.inner": "And a second body, again with more than eight words.",
    }
    assert list(corpus.queries.texts) == ["Four words of summary.", "Another summary of five words."]
    assert corpus.qrels == {i: {i: 1} for i in corpus.documents.ids}


def test_a_pydoc_root_that_is_no_folder_or_has_no_docstrings_is_named(tmp_path: Path) -> None:
    for root in (tmp_path / "nowhere", Path(__file__)):
        with pytest.raises(UserError, match=re.escape(f"corpus.pydoc.root={root} is no folder.")):
            load_corpus("pydoc", {"source": "pydoc", "root": str(root)})
    (tmp_path / "bare.py").write_text("def undocumented():\n    pass\n")
    with pytest.raises(UserError, match=re.escape(f"no docstring below {tmp_path}")):
        load_corpus("pydoc", {"source": "pydoc", "root": str(tmp_path)})


def test_pydoc_of_this_python_is_a_corpus_of_thousands() -> None:
    corpus = load_corpus("pydoc", {"source": "pydoc"})
    assert 1_500 < len(corpus.documents) < 4_000
    assert len(set(corpus.documents.texts)) == len(set(corpus.queries.texts)) == len(corpus.documents)
    assert corpus.findings == ()


def test_split_docstring_ends_the_summary_at_the_first_empty_line() -> None:
    assert split_docstring("One\n  line.\n\nBody\n\nmore") == ("One line.", "Body\n\nmore")


@pytest.fixture
def local_mteb_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real mteb retrieval task whose data come from memory instead of the hub."""
    mteb = pytest.importorskip("mteb")
    from datasets import Dataset

    task = mteb.get_task("ArguAna")

    def load_data(**kwargs: object) -> None:
        corpus = [{"id": "a", "title": "T", "text": "all birds fly"}, {"id": "b", "title": "", "text": "not penguins"}]
        queries = [{"id": "a", "text": "all birds fly"}]
        split = {"corpus": Dataset.from_list(corpus), "queries": Dataset.from_list(queries)}
        task.dataset = {"default": {"test": {**split, "relevant_docs": {"a": {"b": 1}}, "top_ranked": None}}}
        task.data_loaded = True

    monkeypatch.setattr(task, "load_data", load_data)
    monkeypatch.setattr(mteb, "get_task", lambda name, **kwargs: task)


@pytest.mark.usefixtures("local_mteb_task")
def test_an_mteb_task_becomes_a_corpus_and_keeps_its_rule_on_identical_ids() -> None:
    corpus = load_corpus("arguana", {"source": "mteb", "task": "ArguAna"})
    assert corpus.name == "ArguAna"
    assert list(corpus.documents.texts) == ["T all birds fly", "not penguins"]
    assert corpus.excluded == {"a": "a"}


def test_unknown_mteb_tasks_and_tasks_that_are_no_retrieval_are_refused() -> None:
    pytest.importorskip("mteb")
    with pytest.raises(UserError, match="Did you mean 'SciFact'"):
        load_corpus("mteb", {"source": "mteb", "task": "SciFac"})
    with pytest.raises(UserError, match=r"a retrieval task is needed.\n.*Use it with task=pairs."):
        load_corpus("mteb", {"source": "mteb", "task": "STSBenchmark"})


def test_ids_that_are_numbers_are_read_as_text(tmp_path: Path, colours: Path) -> None:
    (colours / "corpus.jsonl").write_text(json.dumps({"_id": 7, "text": "red"}) + "\n")
    (colours / "qrels" / "test.tsv").write_text("q0\t7\t1\n")
    assert load_corpus("beir", beir(colours)).documents.ids == ["7"]
