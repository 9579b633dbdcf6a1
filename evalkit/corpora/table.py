"""Your own data: three JSONL, CSV or Parquet files whose columns you name."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evalkit.config import TableCorpus
from evalkit.corpora.clusters import first_of_each_query
from evalkit.corpora.corpus import Corpus, build_corpus, document_text
from evalkit.corpora.images import Image
from evalkit.corpora.judgments import Judgment, collect
from evalkit.corpora.lines import read_jsonl, whole_grade
from evalkit.errors import UserError, did_you_mean

Row = dict[str, Any]


def load(table: TableCorpus, name: str) -> Corpus:
    return build_corpus(
        name,
        read_documents(table),
        read_queries(table),
        read_qrels(table),
        table.ignore_identical_ids,
        read_clusters(table),
    )


def read_documents(table: TableCorpus) -> Iterator[tuple[str, str]]:
    """(id, text) of every row; a row with a ``document_image``, a path from this file's folder, is that image."""
    folder = Path(table.documents).expanduser().parent
    for where, row in read_rows(table.documents):
        if table.document_image and (image := optional(row, table.document_image, where)):
            yield required(row, table.document_id, where), Image(folder / image, where)
            continue
        title = optional(row, table.document_title, where) if table.document_title else ""
        text = document_text(title, optional(row, table.document_text, where))
        yield required(row, table.document_id, where), text


def read_queries(table: TableCorpus) -> Iterator[tuple[str, str]]:
    for where, row in read_rows(table.queries):
        yield required(row, table.query_id, where), required(row, table.query_text, where)


def read_clusters(table: TableCorpus) -> dict[str, str]:
    """query id → its ``query_cluster``, for the queries that have one; empty where no column is named."""
    if table.query_cluster is None:
        return {}
    return first_of_each_query(
        (required(row, table.query_id, where), optional(row, table.query_cluster, where))
        for where, row in read_rows(table.queries)
    )


def read_qrels(table: TableCorpus) -> dict[str, dict[str, int]]:
    """query id → document id → grade. Raises UserError for a pair judged twice with different grades."""
    return collect(read_judgments(table))


def read_judgments(table: TableCorpus) -> Iterator[Judgment]:
    for where, row in read_rows(table.qrels):
        grade = required(row, table.qrels_score, where) if table.qrels_score else "1"
        query, document = (required(row, column, where) for column in (table.qrels_query, table.qrels_document))
        yield Judgment(where, query, document, whole_grade(grade, where))


def read_rows(path: str) -> Iterator[tuple[str, Row]]:
    """("<file> line|row <n>", column → value) of every row; Raises UserError for a file that can't be read."""
    file = Path(path).expanduser()
    suffix = file.name.removesuffix(".gz").rpartition(".")[2]
    if suffix == "jsonl":
        for number, row in read_jsonl(file):
            yield f"{file} line {number}", row
        return
    readers = {"csv": read_csv, "parquet": read_parquet}
    if suffix not in readers:
        raise UserError(f"{file} is none of .jsonl, .csv and .parquet.", "Convert it to one of them.")
    if not file.is_file():
        raise UserError(f"{file} does not exist.")
    for number, row in enumerate(readers[suffix](file), 1):
        yield f"{file} row {number}", row


def read_csv(file: Path) -> Iterator[Row]:
    import pandas as pd

    try:
        with pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8-sig", chunksize=10_000) as chunks:
            for chunk in chunks:
                yield from ({str(k): v for k, v in row.items()} for row in chunk.to_dict("records"))
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise UserError(f"{file} is not a CSV file with a header: {error}.") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{file} is not UTF-8: {error.reason}.", "Convert the file to UTF-8.") from None


def read_parquet(file: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        for batch in pq.ParquetFile(file).iter_batches(10_000):
            yield from batch.to_pylist()
    except pa.ArrowInvalid as error:
        raise UserError(f"{file} is not a Parquet file: {error}.") from None


def optional(row: Row, column: str, where: str) -> str:
    """The value as text, empty where there is none. Raises UserError for a column that does not exist."""
    if column not in row:
        raise UserError(f"{where} has no column '{column}'.", did_you_mean(column, map(str, row)))
    value = row[column]
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    return "" if missing else str(value)


def required(row: Row, column: str, where: str) -> str:
    """The value as text. Raises UserError where it is missing."""
    value = optional(row, column, where)
    if not value:
        raise UserError(f"{where} has nothing in the column '{column}'.")
    return value
