"""BEIR folders: corpus.jsonl, queries.jsonl (each may be gzipped) and qrels/<split>.tsv, or TREC qrels."""

from collections.abc import Iterator
from pathlib import Path

from evalkit.config import BeirCorpus
from evalkit.corpora.clusters import CLUSTER, cluster_name, first_of_each_query
from evalkit.corpora.corpus import Corpus, build_corpus, document_text
from evalkit.corpora.images import Image
from evalkit.corpora.judgments import Judgment, collect
from evalkit.corpora.lines import read_jsonl, read_lines, text_field, whole_grade
from evalkit.errors import UserError, did_you_mean

HEADERS = {"score", "relevance", "grade", "label", "rel"}
QRELS_SUFFIXES = (".tsv", ".txt", ".qrels", ".trec")


def load(settings: BeirCorpus, name: str) -> Corpus:
    """The corpus in the folder of ``settings``, which conf/corpus calls ``name``."""
    folder = Path(settings.path).expanduser()
    if not folder.is_dir():
        raise UserError(
            f"corpus '{name}': the folder {folder} does not exist.",
            f"Give it with corpus.{name}.path=<folder>, or data_dir=<folder> that holds it.",
        )
    return build_corpus(
        settings.name or folder.resolve().name,
        read_documents(jsonl_file(folder, "corpus")),
        read_queries(jsonl_file(folder, "queries")),
        read_qrels(qrels_file(folder, settings.split)),
        settings.ignore_identical_ids,
        read_clusters(jsonl_file(folder, "queries")),
    )


def jsonl_file(folder: Path, stem: str) -> Path:
    """``<stem>.jsonl`` or ``<stem>.jsonl.gz`` in ``folder``."""
    plain, gzipped = folder / f"{stem}.jsonl", folder / f"{stem}.jsonl.gz"
    if not plain.exists() and not gzipped.exists():
        raise UserError(f"{folder} holds neither {plain.name} nor {gzipped.name}.")
    return plain if plain.exists() else gzipped


def qrels_file(folder: Path, split: str) -> Path:
    """The judgments of ``split``; offers the splits that are there when it is not."""
    for suffix in QRELS_SUFFIXES:
        if (path := folder / "qrels" / f"{split}{suffix}").is_file():
            return path
    there = [p.stem for p in (folder / "qrels").glob("*") if p.suffix in QRELS_SUFFIXES]
    raise UserError(
        f"{folder / 'qrels'} has no judgments for the split '{split}' ({split}.tsv).",
        did_you_mean(split, there) if there else "There are no judgments at all.",
    )


def read_documents(path: Path) -> Iterator[tuple[str, str]]:
    """(id, text) of every line; a line with ``image``, a path from this file's folder, is that image instead."""
    for number, row in read_jsonl(path):
        where = f"{path} line {number}"
        id_, image = text_field(row, "_id", where), row.get("image")
        if image:
            yield id_, Image(path.parent / str(image), where)
        else:
            yield id_, document_text(row.get("title"), text_field(row, "text", where))


def read_queries(path: Path) -> Iterator[tuple[str, str]]:
    for number, row in read_jsonl(path):
        where = f"{path} line {number}"
        yield text_field(row, "_id", where), text_field(row, "text", where)


def read_clusters(path: Path) -> dict[str, str]:
    """query id → the ``cluster`` of its line or of the line's ``metadata``, for the queries that have one."""
    names = []
    for number, row in read_jsonl(path):
        metadata = row.get("metadata")
        inside = metadata.get(CLUSTER) if isinstance(metadata, dict) else None
        where = f"{path} line {number}"
        names.append((text_field(row, "_id", where), cluster_name(row.get(CLUSTER, inside), where)))
    return first_of_each_query(names)


def read_qrels(path: Path) -> dict[str, dict[str, int]]:
    """query id → document id → grade, from BEIR's three tab-separated columns with a header, or TREC's four.

    Raises UserError for a line of another shape, a grade that is no whole number, and a pair judged twice with
    different grades.
    """
    return collect(read_judgments(path))


def read_judgments(path: Path) -> Iterator[Judgment]:
    for number, line in read_lines(path):
        columns = line.split("\t") if line.count("\t") == 2 else line.split()
        if not columns or (number == 1 and columns[-1] in HEADERS):
            continue
        where = f"{path} line {number}"
        if len(columns) not in (3, 4):
            raise UserError(
                f"{where} has {len(columns)} columns: '{line[:60]}'.",
                "Write query-id, corpus-id, score with tabs between, or TREC's query 0 document grade.",
            )
        yield Judgment(where, columns[0], columns[-2], whole_grade(columns[-1], where))
