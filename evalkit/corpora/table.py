"""Your own data: three files of rows (JSON Lines, CSV, TSV, Parquet) whose columns you name."""

from pathlib import Path

from evalkit.config import TableCorpus
from evalkit.corpora import records
from evalkit.corpora.corpus import Corpus, build_corpus
from evalkit.corpora.files.rows import read_rows
from evalkit.corpora.judgments import Names, collect, read_judgments
from evalkit.corpora.lint import Noticed
from evalkit.corpora.metadata import METADATA, Metadata
from evalkit.corpora.records import Columns
from evalkit.corpora.uses.rows_of import file_of

DEFAULT = TableCorpus()


def load(table: TableCorpus, name: str) -> Corpus:
    noticed = Noticed()
    files = {setting: file_of(name, table, setting) for setting in ("documents", "queries", "qrels")}
    documents = columns_of_documents(table)
    queries = Columns(ids(table.query_id, DEFAULT.query_id), (table.query_text,), cluster=named(table.query_cluster))
    folder = Path(files["documents"]).expanduser().parent
    return build_corpus(
        table.name or name,
        records.documents(read_rows(files["documents"], documents.all, noticed.swallowed), documents, folder),
        records.queries(read_rows(files["queries"], queries.all), queries),
        collect(read_judgments(files["qrels"], qrels_names(table), noticed.ignored_columns)),
        table.ignore_identical_ids,
        records.clusters(read_rows(files["queries"], queries.all), queries) if queries.cluster else {},
        noticed,
        Metadata(lambda field: read_rows(files["documents"], (*documents.all, METADATA, field)), documents),
    )


def columns_of_documents(table: TableCorpus) -> Columns:
    """What the columns of its file of documents are called."""
    return Columns(
        ids(table.document_id, DEFAULT.document_id),
        (table.document_text,),
        named(table.document_title),
        named(table.document_image),
    )


def named(column: str | None) -> tuple[str, ...]:
    return (column,) if column else ()


def ids(column: str, default: str) -> tuple[str, ...]:
    """The column that is named; BEIR's ``_id`` too where nobody named another than the default."""
    return (column, "_id") if column == default else (column,)


def qrels_names(table: TableCorpus) -> Names:
    """The names that were set; the header tells those that were not."""
    query, document, grade = (
        None if given == default else given
        for given, default in (
            (table.qrels_query, DEFAULT.qrels_query),
            (table.qrels_document, DEFAULT.qrels_document),
            (table.qrels_score, DEFAULT.qrels_score),
        )
    )
    return Names(query, document, grade, all_relevant=table.qrels_score is None)
