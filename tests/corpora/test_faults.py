"""The same faults through every source of corpora: each is refused with its place, or read by the one rule."""

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evalkit.corpora import Corpus, load_corpus
from evalkit.corpora.corpus import build_corpus
from evalkit.errors import UserError

Rows = dict[str, list[dict[str, Any]]]
Write = Callable[[Rows, Path], Mapping[str, object]]

TEXTS = ("cats purr", "dogs bark", "stocks fell")


def well_formed() -> Rows:
    return {
        "documents": [{"id": str(i), "title": None, "text": text} for i, text in enumerate(TEXTS, 1)],
        "queries": [{"id": f"q{i}", "text": f"who {text}?"} for i, text in enumerate(TEXTS, 1)],
        "qrels": [{"query_id": f"q{i}", "document_id": str(i), "score": 1} for i in (1, 2, 3)],
    }


def jsonl(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def write_beir(rows: Rows, folder: Path) -> Mapping[str, object]:
    (folder / "qrels").mkdir()
    for stem, side in (("corpus", "documents"), ("queries", "queries"), ("qrels/test", "qrels")):
        (folder / f"{stem}.jsonl").write_text(jsonl(rows[side]))
    return {"source": "beir", "path": str(folder)}


def write_table(rows: Rows, folder: Path, suffix: str, write: Callable[[list[dict[str, Any]], Path], None]) -> Any:
    for side, its_rows in rows.items():
        write(its_rows, folder / f"{side}.{suffix}")
    files = {side: str(folder / f"{side}.{suffix}") for side in rows}
    return {"source": "table", "document_title": "title", **files}


def write_json_table(rows: Rows, folder: Path) -> Mapping[str, object]:
    return write_table(rows, folder, "jsonl", lambda its_rows, file: file.write_text(jsonl(its_rows)) and None)


def write_csv_table(rows: Rows, folder: Path) -> Mapping[str, object]:
    return write_table(rows, folder, "csv", lambda its_rows, file: pd.DataFrame(its_rows).to_csv(file, index=False))


def write_parquet_table(rows: Rows, folder: Path) -> Mapping[str, object]:
    return write_table(
        rows, folder, "parquet", lambda its_rows, file: pq.write_table(pa.Table.from_pylist(its_rows), file)
    )


WRITERS: dict[str, Write] = {
    "beir": write_beir,
    "table jsonl": write_json_table,
    "table csv": write_csv_table,
    "table parquet": write_parquet_table,
}
SOURCES = (*WRITERS, "mteb")


class Fault(NamedTuple):
    """``change`` spoils one or all rows of ``side``; what is expected of a source that can hold it at all.

    ``refused`` is in the message, else ``finding`` is among the findings, else all reads as if nothing were wrong.
    """

    side: str
    change: Callable[[list[dict[str, Any]]], object]
    refused: str = ""
    finding: str = ""
    sources: tuple[str, ...] = SOURCES


def in_row(i: int, **cells: object) -> Callable[[list[dict[str, Any]]], object]:
    return lambda rows: rows[i].update(cells)


def in_all(column: str, make: Callable[[Any], object]) -> Callable[[list[dict[str, Any]]], object]:
    return lambda rows: [row.update({column: make(row[column])}) for row in rows]


def again(i: int, **cells: object) -> Callable[[list[dict[str, Any]]], object]:
    return lambda rows: rows.append({**rows[i], **cells})


TYPED = ("beir", "table jsonl", "table parquet", "mteb")
JSON = ("beir", "table jsonl")
NAN = float("nan")

FAULTS = {
    "null text": Fault("documents", in_row(1, text=None), finding="empty_documents"),
    "blank text": Fault("documents", in_row(1, text=" \n\t"), finding="empty_documents"),
    "text that is NaN": Fault("documents", in_row(1, text=NAN), finding="empty_documents", sources=JSON),
    "titles that are NaN": Fault("documents", in_all("title", lambda _: NAN)),
    "text that is a list": Fault("documents", in_all("text", str.split), "'text' holds a list", sources=TYPED),
    "title that is a list": Fault("documents", in_all("title", lambda _: ["a"]), "'title' holds a list", sources=TYPED),
    "text that is an object": Fault(
        "documents", in_all("text", lambda text: {"en": text}), "'text' holds an object", sources=TYPED
    ),
    "text that is true": Fault("queries", in_all("text", lambda _: True), "holds true or false", sources=TYPED),
    "text that is a fraction": Fault("queries", in_all("text", lambda _: 0.5), "holds a fraction", sources=TYPED),
    "texts that are bytes": Fault("documents", in_all("text", str.encode), sources=("table parquet", "mteb")),
    "texts that are bytes of Latin-1": Fault(
        "documents",
        in_all("text", lambda text: f"{text} é".encode("latin-1")),
        "'text' holds bytes that are not UTF-8",
        sources=("table parquet", "mteb"),
    ),
    "half a character": Fault(
        "documents", in_row(0, text="cats purr \ud83d"), finding="replaced_characters", sources=JSON
    ),
    "query without text": Fault("queries", in_row(0, text=None), finding="empty_queries"),
    "no query with text": Fault("queries", in_all("text", lambda _: ""), "none of its 3 judged queries has a text"),
    "no document with text": Fault("documents", in_all("text", lambda _: ""), "3 documents, none with text"),
    "ids that are integers": Fault("documents", in_all("id", int)),
    "ids that are whole floats": Fault("qrels", in_all("document_id", float), sources=TYPED),
    "ids that are fractions": Fault(
        "qrels", in_all("document_id", lambda id_: int(id_) / 7), "holds a fraction", sources=TYPED
    ),
    "ids too long for floats": Fault(
        "documents", in_all("id", lambda id_: 2.0**60 + int(id_)), "a float too long to be exact", sources=TYPED
    ),
    "id that is null": Fault("documents", in_row(1, id=None), "has nothing in 'id'"),
    "id that is empty": Fault("queries", in_row(1, id=" "), "has nothing in 'id'"),
    "ids with a NUL": Fault("documents", in_all("id", "d\0{}".format), r"'id' holds a NUL: 'd\x001'", sources=TYPED),
    "judged queries with a NUL": Fault("qrels", in_all("query_id", "q\0{}".format), "holds a NUL", sources=TYPED),
    "id that comes twice": Fault("documents", again(0, text="other"), finding="duplicate_document_ids"),
    "query that comes twice": Fault("queries", again(0, text="other"), finding="duplicate_query_ids"),
    "pair judged twice alike": Fault("qrels", again(0), sources=SOURCES[:-1]),
    "pair judged twice": Fault("qrels", again(0, score=0), "judges '1' for 'q1' with 0", sources=SOURCES[:-1]),
    "grade that is a time": Fault("qrels", in_all("score", lambda _: 1718000000000), "is not between -100 and 100"),
    "grade that is huge": Fault("qrels", in_all("score", lambda _: 1e21), "is not between -100 and 100"),
    "grade that is a fraction": Fault("qrels", in_all("score", lambda _: 0.5), "is no whole number"),
    "grade that is null": Fault("qrels", in_all("score", lambda _: None), "is no whole number"),
    "grades that are whole floats": Fault("qrels", in_all("score", float)),
    "judged documents with spaces": Fault("qrels", in_all("document_id", "{} ".format), "seem to differ in spaces"),
    "judged queries of another split": Fault("qrels", in_all("query_id", "x{}".format), "and of this split?"),
    "judged documents with characters that are not seen": Fault(
        "qrels", in_all("document_id", "\u200b{}".format), "They seem to differ in characters that are not seen"
    ),
    "zeros before ids": Fault("documents", in_all("id", "00{}".format), "leading zeros"),
    "decimals as ids": Fault("qrels", in_all("document_id", "{}.0".format), "1.0 for 1"),
    "a judged document that is not there": Fault(
        "qrels", again(0, document_id="9"), finding="judgments_of_unknown_documents"
    ),
}  # fmt: skip
CASES = [(name, source) for name, fault in FAULTS.items() for source in fault.sources]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Rows, str], Corpus]:
    """A corpus of these rows by any source, written as it is written there; mteb's come from memory."""

    def of(rows: Rows, source: str) -> Corpus:
        written = mteb_task(rows, monkeypatch) if source == "mteb" else WRITERS[source](rows, tmp_path)
        return load_corpus("own", written)

    return of


def mteb_task(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, object]:
    mteb = pytest.importorskip("mteb")
    from datasets import Dataset

    task = mteb.get_task("NFCorpus")
    relevant: dict[Any, dict[Any, Any]] = {}
    for row in rows["qrels"]:
        relevant.setdefault(row["query_id"], {})[row["document_id"]] = row["score"]

    def load_data(**kwargs: object) -> None:
        split = {"corpus": Dataset.from_list(rows["documents"]), "queries": Dataset.from_list(rows["queries"])}
        task.dataset = {"default": {"test": {**split, "relevant_docs": relevant, "top_ranked": None}}}
        task.data_loaded = True

    monkeypatch.setattr(task, "load_data", load_data)
    monkeypatch.setattr(mteb, "get_task", lambda name, **kwargs: task)
    return {"source": "mteb", "task": "NFCorpus"}


@pytest.mark.parametrize(("name", "source"), CASES)
def test_every_source_meets_a_fault_by_the_same_rule(
    name: str, source: str, read: Callable[[Rows, str], Corpus]
) -> None:
    fault = FAULTS[name]
    rows = deepcopy(well_formed())
    fault.change(rows[fault.side])
    if fault.refused:
        with pytest.raises(UserError) as refused:
            read(rows, source)
        assert fault.refused in str(refused.value)
        return
    corpus = read(rows, source)
    assert [finding.check for finding in corpus.findings] == [fault.finding] * bool(fault.finding)
    assert set(corpus.documents.texts) <= {*TEXTS, "cats purr \ufffd"}
    if not fault.finding:
        assert corpus.fingerprint == sound().fingerprint


def sound() -> Corpus:
    documents, queries, qrels = well_formed().values()
    texts, asked = ([(row["id"], row["text"]) for row in rows] for rows in (documents, queries))
    return build_corpus("own", texts, asked, {row["query_id"]: {row["document_id"]: row["score"]} for row in qrels})
