"""A BEIR folder from a user's own text files, whole or in chunks, with questions to fill in."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from evalkit.corpora.beir import read_documents, read_qrels, read_queries
from evalkit.corpora.corpus import first_of_each_id
from evalkit.corpora.files.cells import whole_characters
from evalkit.corpora.lint import HEADING, Finding, lint
from evalkit.corpora.texts import TextFile
from evalkit.errors import UserError

QRELS_HEADER = "query-id\tcorpus-id\tscore"


@dataclass(frozen=True)
class Page:
    """What was read of one file."""

    title: str
    text: str
    headings: tuple[str, ...]


@dataclass(frozen=True)
class Made:
    """How many files, documents and questions the folder has now, and what its lint says."""

    files: int
    documents: int
    queries: int
    findings: tuple[Finding, ...]


def plain(text: str, name: str) -> Page:
    return Page(name, text.strip(), ())


def markdown(text: str, name: str) -> Page:
    """The text as written; headings are Markdown's own, not ``#`` in code."""
    from markdown_it import MarkdownIt

    tokens = MarkdownIt().parse(text)
    headings = tuple(inline.content for token, inline in pairwise(tokens) if token.type == "heading_open")
    return Page(headings[0] if headings else name, text.strip(), headings)


def html(text: str, name: str) -> Page:
    """What a reader sees: no scripts, styles or tags."""
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(text, "html.parser")
    for hidden in soup(["script", "style", "template", "noscript"]):
        hidden.decompose()
    headings = tuple(" ".join(h.get_text(" ").split()) for h in soup.find_all(["h1", "h2", "h3", "h4", "h5", "h6"]))
    title = " ".join(soup.title.get_text(" ").split()) if soup.title else ""
    body = soup.body or soup
    lines = (" ".join(line.split()) for line in body.get_text("\n").splitlines())
    return Page(title or (headings[0] if headings else name), "\n".join(line for line in lines if line), headings)


READERS: dict[str, Callable[[str, str], Page]] = {".txt": plain, ".md": markdown, ".html": html, ".htm": html}


def make_corpus(source: Path, folder: Path, chunk_characters: int | None, with_headings: bool) -> Made:
    """Write corpus.jsonl anew into ``folder``; queries and judgments that are there stay, else they begin empty.

    A document's id is its path below ``source``, with ``#1``, ``#2`` … behind it where it is one of several chunks.
    ``with_headings`` makes each heading a question for its own document, where there are none yet. Raises UserError
    where ``source`` holds no text.
    """
    files = text_files(source)
    documents = [document for file in files for document in documents_of(file, source, chunk_characters)]
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    write_lines(folder / "corpus.jsonl", [json.dumps(d, ensure_ascii=False) for d, _ in documents])
    queries, qrels = folder / "queries.jsonl", folder / "qrels" / "test.tsv"
    if not queries.exists() and not qrels.exists():
        asked = [(f"{HEADING}{d['_id']}:{i}", h, d["_id"]) for d, hs in documents for i, h in enumerate(hs, 1)]
        asked = asked if with_headings else []
        write_lines(queries, [json.dumps({"_id": q, "text": h}, ensure_ascii=False) for q, h, _ in asked])
        write_lines(qrels, [QRELS_HEADER, *(f"{q}\t{d}\t1" for q, _, d in asked)])
    return Made(len(files), len(documents), *checked(folder))


def checked(folder: Path) -> tuple[int, tuple[Finding, ...]]:
    """The number of questions in ``folder``, and the lint of all of it. Raises UserError for what can't be read."""
    documents, repeated, empty = first_of_each_id(read_documents(folder / "corpus.jsonl"), TextFile)
    queries = dict(read_queries(folder / "queries.jsonl"))
    qrels = read_qrels(folder / "qrels" / "test.tsv")
    return len(queries), tuple(lint(documents, queries, qrels, repeated, [], empty))


def text_files(source: Path) -> list[Path]:
    """Every file of a known kind below ``source``, hidden ones left out, in the order of their paths."""
    if not source.is_dir():
        raise UserError(f"{source} is no folder.", "Give the folder that holds your documents.")
    found = [
        file
        for file in sorted(source.rglob("*"))
        if file.suffix.lower() in READERS
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(source).parts)
    ]
    if not found:
        raise UserError(f"{source} holds no {', '.join(READERS)} file.", "Other kinds have to be converted first.")
    return found


def documents_of(
    file: Path, source: Path, chunk_characters: int | None
) -> Iterator[tuple[dict[str, str], Sequence[str]]]:
    """The documents of one file (``_id``, ``title``, ``text``), each with the headings in it."""
    page = READERS[file.suffix.lower()](file.read_text(encoding="utf-8", errors="replace"), file.stem)
    name = file.relative_to(source).as_posix().replace("\t", " ").replace("\n", " ")
    parts = [page.text] if chunk_characters is None else chunks(page.text, chunk_characters, file.suffix == ".md")
    for number, text in enumerate(parts, 1):
        id_ = name if len(parts) == 1 else f"{name}#{number}"
        inside = page.headings if len(parts) == 1 else [h for h in page.headings if h and h in text]
        yield {"_id": id_, "title": page.title, "text": text}, [h for h in dict.fromkeys(inside) if h.strip()]


def chunks(text: str, characters: int, is_markdown: bool) -> list[str]:
    """``text`` in parts of at most so many characters, cut at headings, paragraphs and sentences where possible."""
    from semantic_text_splitter import MarkdownSplitter, TextSplitter

    splitter = MarkdownSplitter(characters) if is_markdown else TextSplitter(characters)
    return list(splitter.chunks(text)) or [""]


def write_lines(file: Path, lines: Sequence[str]) -> None:
    temporary = file.with_name(f".{file.name}.tmp")
    temporary.write_text("".join(f"{whole_characters(line)}\n" for line in lines), encoding="utf-8")
    temporary.replace(file)
