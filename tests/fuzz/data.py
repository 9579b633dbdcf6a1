"""A small corpus as rows, every layout that it is written in, and what its rows read as by rules written down again."""

import csv
import io
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from evalkit.corpora import Corpus, load_corpus
from evalkit.corpora.corpus import build_corpus
from evalkit.corpora.judgments import collect
from evalkit.corpora.mteb import DOCUMENTS, QUERIES, numbered, read_judgments
from evalkit.corpora.records import documents, queries
from evalkit.errors import UserError

Row = dict[str, Any]
Rows = dict[str, list[Row]]
REFUSED = None
SIDES = ("documents", "queries", "qrels")
WORDS = "red green blue apple pear house tree river stone cloud bird fish".split()
FILES = {"documents": "corpus", "queries": "queries", "qrels": "qrels/test"}


def sound() -> Rows:
    """Twelve documents, one of them in other letters than ASCII, six queries, and two judgments for each."""
    texts = [f"{word} {WORDS[i - 1]} as a text" for i, word in enumerate(WORDS)]
    return {
        "documents": [
            {"id": f"d{i}", "title": "Größe" if i == 3 else f"of {WORDS[i]}", "text": text}
            for i, text in enumerate(texts)
        ],
        "queries": [{"id": f"q{i}", "text": f"where is {WORDS[i]}?"} for i in range(6)],
        "qrels": [
            {"query_id": f"q{i}", "document_id": f"d{i + more}", "score": 2 - more} for i in range(6) for more in (0, 1)
        ],
    }


def jsonl(rows: Sequence[Row]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def separated(delimiter: str, quoting: int = csv.QUOTE_MINIMAL) -> Callable[[Sequence[Row]], bytes]:
    def write(rows: Sequence[Row]) -> bytes:
        names = list(dict.fromkeys(name for row in rows for name in row)) or ["id", "text"]
        text = io.StringIO()
        writer = csv.DictWriter(text, names, delimiter=delimiter, quoting=quoting, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue().encode("utf-8", "surrogatepass")

    return write


def parquet(rows: Sequence[Row]) -> bytes:
    written = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows)), written)
    return written.getvalue()


FORMATS: Mapping[str, Callable[[Sequence[Row]], bytes]] = {
    "jsonl": jsonl,
    "csv": separated(","),
    "tsv": separated("\t"),
    "parquet": parquet,
}
LAYOUTS = ("beir tsv", "beir jsonl", "table jsonl", "table csv", "table tsv", "table parquet", "records")
TEXT_LAYOUTS = ("table csv", "table tsv")
FILE_LAYOUTS = LAYOUTS[:-1]


def format_in(layout: str, side: str) -> str:
    kind, _, format_ = layout.partition(" ")
    return "jsonl" if kind == "beir" and side != "qrels" else format_


def written(rows: Rows, layout: str, folder: Path) -> dict[str, Path]:
    """The files of ``rows`` in ``folder``, by side."""
    (folder / "qrels").mkdir(parents=True)
    files = {side: folder / f"{FILES[side]}.{format_in(layout, side)}" for side in SIDES}
    for side, file in files.items():
        file.write_bytes(FORMATS[format_in(layout, side)](rows[side]))
    return files


def loaded(layout: str, folder: Path, files: Mapping[str, Path]) -> Corpus | None:
    """What evalkit reads, or REFUSED, which is one line and a hint of at most 600 characters."""
    if layout.startswith("beir"):
        return or_refused(lambda: load_corpus("own", {"source": "beir", "path": str(folder)}))
    table = {side: str(file) for side, file in files.items()}
    return or_refused(lambda: load_corpus("own", {"source": "table", "document_title": "title", **table}))


def of_records(rows: Rows) -> Corpus | None:
    """What evalkit reads of rows in memory, as mteb's loader has them."""
    relevant: dict[Any, dict[Any, Any]] = {}
    for row in rows["qrels"]:
        relevant.setdefault(row["query_id"], {})[row["document_id"]] = row["score"]
    return or_refused(
        lambda: build_corpus(
            "own",
            documents(numbered("documents", rows["documents"]), DOCUMENTS, Path()),
            queries(numbered("queries", rows["queries"]), QUERIES),
            collect(read_judgments("own", relevant)),
        )
    )


def or_refused(load: Callable[[], Corpus]) -> Corpus | None:
    try:
        corpus = load()
    except UserError as error:
        said = str(error)
        corpus = REFUSED
    if corpus is REFUSED:
        assert len(said) <= 600, said[:300]
        assert said.count("\n") <= 1, said
        return REFUSED
    texts = (*corpus.documents.ids, *corpus.documents.texts, *corpus.queries.ids, *corpus.queries.texts)
    assert all(text.strip() and text.encode() for text in texts)
    return corpus


class RefusedValueError(Exception):
    """What no row may hold."""


def text_of(value: Any) -> str:
    """The rule for texts: strings and whole numbers; nothing where nothing is there."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool | list | dict):
        raise RefusedValueError
    if isinstance(value, float):
        if not value.is_integer() or abs(value) > 2**53:
            raise RefusedValueError
        value = int(value)
    text = re.sub("[\ud800-\udbff][\udc00-\udfff]", whole, str(value))
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def whole(halves: re.Match[str]) -> str:
    """The character that is written as two."""
    first, second = map(ord, halves[0])
    return chr(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))


def id_of(value: Any) -> str:
    text = text_of(value)
    if not text.strip() or "\0" in text:
        raise RefusedValueError
    return text


def grade_of(value: Any) -> int:
    try:
        grade = float(value)
    except (TypeError, ValueError, OverflowError):
        raise RefusedValueError from None
    if "_" in str(value) or not grade.is_integer() or abs(grade) > 100:
        raise RefusedValueError
    return int(grade)


def expected(rows: Rows) -> Corpus | None:
    """What ``rows`` must read as: the corpus that their values make, or REFUSED."""
    try:
        refuse_missing(rows)
        titled = [
            (id_of(row["id"]), f"{text_of(row.get('title'))} {text_of(row.get('text'))}") for row in rows[SIDES[0]]
        ]
        asked = [(id_of(row["id"]), text_of(row.get("text"))) for row in rows["queries"]]
        qrels: dict[str, dict[str, int]] = {}
        for row in rows["qrels"]:
            query, document, grade = id_of(row["query_id"]), id_of(row["document_id"]), grade_of(row["score"])
            if qrels.setdefault(query, {}).setdefault(document, grade) != grade:
                raise RefusedValueError
        return build_corpus("own", [(id_, text.strip()) for id_, text in titled], asked, qrels)
    except (RefusedValueError, UserError):
        return REFUSED


def refuse_missing(rows: Rows) -> None:
    """Ids and judgments are needed in every row, a text in some."""
    needed = {"documents": ["id"], "queries": ["id"], "qrels": ["query_id", "document_id", "score"]}
    if any(name not in row for side, names in needed.items() for name in names for row in rows[side]):
        raise RefusedValueError
    if any(rows[side] and not any("text" in row for row in rows[side]) for side in ("documents", "queries")):
        raise RefusedValueError


def assert_same(found: Corpus | None, wanted: Corpus | None) -> None:
    """Both are refused, or are the same documents, queries and judgments in the same order."""
    assert (found is REFUSED) == (wanted is REFUSED), f"read {found}, wanted {wanted}"[:500]
    if found is not REFUSED:
        assert found.fingerprints == wanted.fingerprints
        assert list(found.documents.ids) == list(wanted.documents.ids)
        assert list(found.queries.ids) == list(wanted.queries.ids)
        assert found.empty_documents == wanted.empty_documents
        assert found.excluded == wanted.excluded
