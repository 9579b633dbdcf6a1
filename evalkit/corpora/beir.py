"""BEIR folders: corpus, queries and qrels/<split>, each as JSON Lines, CSV, TSV, Parquet, or TREC's qrels."""

import glob
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from evalkit.config import BeirCorpus
from evalkit.corpora import records
from evalkit.corpora.corpus import Corpus, build_corpus
from evalkit.corpora.files.opening import COMPRESSED, without_compression
from evalkit.corpora.files.rows import READERS, read_rows
from evalkit.corpora.judgments import collect, read_judgments
from evalkit.corpora.lint import Noticed
from evalkit.corpora.metadata import METADATA, Metadata, with_metadata
from evalkit.corpora.records import Columns
from evalkit.corpora.set_aside import QRELS_HEADER
from evalkit.errors import UserError, did_you_mean

ID = ("_id", "id")
DOCUMENTS = Columns(ID, text=("text",), title=("title",), image=("image",), optional=True)
QUERIES = Columns(ID, text=("text",), cluster=("cluster",), optional=True)
FOLDER = "folder"
QRELS = f"tsv txt qrels trec csv jsonl ndjson json parquet {FOLDER}"  # the first that is there counts
SHOWN, MOST_LOOKED_AT = 12, 10_000
TEXTS = (".txt", ".md", ".html", ".htm")
QUESTION = '{"_id": "q1", "text": "how often is it greased?"}'
JUDGMENT = '"q1<tab>document id<tab>1".'
PART = re.compile(r"-\d+-of-\d+")  # as the hub names parts of a data set


def load(settings: BeirCorpus, name: str) -> Corpus:
    """The corpus in the folder of ``settings``, which conf/corpus calls ``name``."""
    folder = Path(settings.path).expanduser()
    if not folder.is_dir():
        raise UserError(
            f"corpus '{name}': "
            + (f"{folder} is no folder." if folder.exists() else f"the folder {folder} does not exist."),
            f"Give it with corpus.{name}.path=<folder>, or data_dir=<folder> that holds it.",
        )
    check_parts(folder)
    noticed = Noticed()
    queries = table_file(folder, "queries")
    check_questions(name, folder, queries, settings.split)
    documents = table_file(folder, "corpus")
    return build_corpus(
        settings.name or folder.resolve().name,
        read_documents(documents, noticed.swallowed),
        read_queries(queries),
        collect(read_judgments(qrels_file(folder, settings.split), ignored=noticed.ignored_columns)),
        settings.ignore_identical_ids,
        read_clusters(queries),
        noticed,
        Metadata(lambda field: read_rows(documents, (*DOCUMENTS.all, METADATA, field)), DOCUMENTS),
    )


def check_parts(folder: Path) -> None:
    """Raises UserError for a ``folder`` that is no corpus at all, with where one may be, or come from."""
    if any(files_called(folder, stem) for stem in ("corpus", "queries")) or (folder / "qrels").is_dir():
        return
    inside = next((each for each in sorted(folder.glob("*")) if files_called(each, "corpus")), None)
    has_texts = any(path.suffix.lower() in TEXTS for path in islice(folder.rglob("*"), MOST_LOOKED_AT))
    hint = "Give one that has them (docs/corpora.md)."
    if inside:
        hint = f"Did you mean {inside}?"
    elif has_texts:
        hint = f"Make a corpus of the texts in it first: python -m evalkit new-corpus {folder}"
    raise UserError(f"{folder} holds no corpus.jsonl, queries.jsonl and qrels/{but(folder)}.", hint)


def check_questions(name: str, folder: Path, queries: Path, split: str) -> None:
    """Raises UserError for a corpus as new-corpus has made it, whose questions or judgments are yet to be written."""
    if queries.is_file() and not queries.stat().st_size:
        problem = f"corpus '{name}': {queries} is empty."
        raise UserError(problem, f"Write your questions into {queries} first, one line each: {QUESTION}")
    judgments = folder / "qrels" / f"{split}.tsv"
    is_short = judgments.is_file() and judgments.stat().st_size <= len(QRELS_HEADER) + 2
    if is_short and judgments.read_text(encoding="utf-8", errors="replace").strip() in ("", QRELS_HEADER):
        hint = f"Write the documents that answer each question into {judgments} first, one line each: {JUDGMENT}"
        raise UserError(f"corpus '{name}': {judgments} has no judgments.", hint)


def table_file(folder: Path, stem: str) -> Path:
    """``<stem>.jsonl`` in ``folder``, or another format that is read, compressed or a folder of parts."""
    there = files_called(folder, stem)
    if not there:
        raise UserError(
            f"{folder} holds no {stem}.jsonl{but(folder)}.",
            f"It may also be {stem}.({', '.join(READERS)}), each also with {', '.join(COMPRESSED)}.",
        )
    return there[0]


def files_called(folder: Path, stem: str) -> list[Path]:
    """What is called ``stem`` in ``folder``, in any format that is read; the first of them counts."""
    names = [f"{stem}.{format_}{compressed}" for format_ in READERS for compressed in ("", *COMPRESSED)]
    return [folder / name for name in (*names, stem) if (folder / name).exists() or (folder / name).is_symlink()]


def but(folder: Path) -> str:
    """What a folder holds instead of what was looked for; empty for an empty one or none."""
    names = sorted(path.name for path in folder.glob("*") if not path.name.startswith("."))
    more = ", …" if len(names) > SHOWN else ""
    return f", but {', '.join(map(ascii, names[:SHOWN]))}{more}" if names else ""


def qrels_file(folder: Path, split: str) -> Path:
    """The judgments of ``split``, as a pattern where they are in parts; offers the splits that are there."""
    there: dict[str, Path] = {}
    inside = [(*stem_and_format(path), path) for path in sorted((folder / "qrels").glob("*"))]
    for stem, format_, path in sorted(inside, key=lambda each: QRELS.find(each[1])):
        if format_ in QRELS.split():
            pattern = Path(glob.escape(str(path.parent)), PART.sub("-*-of-*", path.name))
            there.setdefault(PART.sub("", stem), pattern if PART.search(stem) else path)
    if split not in there:
        raise UserError(
            f"{folder / 'qrels'} has no judgments for the split '{split}' ({split}.tsv).",
            did_you_mean(split, there) if there else f"There are no judgments at all{but(folder)} in {folder}.",
        )
    return there[split]


def stem_and_format(path: Path) -> tuple[str, str]:
    """``test`` and ``tsv`` of ``test.tsv.gz``; a folder of parts may be called ``test`` alone."""
    stem, _, format_ = without_compression(path.name).rpartition(".")
    if path.is_dir() and format_.lower() not in QRELS.split():
        return path.name, FOLDER
    return stem, format_.lower()


def read_documents(path: Path, swallowed: list[str] | None = None) -> Iterator[tuple[str, str]]:
    """(id, text) of every row; a row with ``image``, a path from this file's folder, is that image instead."""
    return records.documents(read_rows(path, DOCUMENTS.all, swallowed), DOCUMENTS, path.parent)


def read_queries(path: Path) -> Iterator[tuple[str, str]]:
    return records.queries(read_rows(path, QUERIES.all), QUERIES)


def read_qrels(path: Path) -> dict[str, dict[str, int]]:
    """query id → document id → grade. Raises UserError for a pair judged twice with different grades."""
    return collect(read_judgments(path))


def read_clusters(path: Path) -> dict[str, str]:
    """query id → the ``cluster`` of its row or of the row's ``metadata``, for the queries that have one."""
    return records.clusters(with_metadata(read_rows(path, (*QUERIES.all, METADATA))), QUERIES)
