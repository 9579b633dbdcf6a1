"""A BEIR folder from a user's own text files, whole or in chunks, with questions to fill in."""

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.corpora.beir import read_documents, read_qrels, read_queries
from evalkit.corpora.corpus import first_of_each_id
from evalkit.corpora.file_chunks import chunks, ids_of
from evalkit.corpora.files.cells import whole_characters
from evalkit.corpora.files.opening import content_of, opened_file, refuse_foreign
from evalkit.corpora.lint import HEADING, Finding, finding, lint
from evalkit.corpora.pages import READERS, UnreadablePageError
from evalkit.corpora.set_aside import QRELS_HEADER, Revision, bring_back, set_aside
from evalkit.corpora.texts import TextFile
from evalkit.errors import UserError
from evalkit.system.files import write_text

NOT_UTF8 = "files are not UTF-8; what could not be read became U+FFFD"
LEADS_ON = "pages only lead to another and were left out"


@dataclass(frozen=True)
class Made:
    """How many files, documents and questions the folder has now, what its lint says, what was not read, and what
    became of judgments.
    """

    files: int
    documents: int
    queries: int
    findings: tuple[Finding, ...]
    passed_over: tuple[Path, ...]
    revision: Revision


def make_corpus(
    source: Path, folder: Path, chunk_characters: int | None, with_headings: bool, keep_changed: bool = False
) -> Made:
    """Write corpus.jsonl anew into ``folder``; queries and judgments that are there stay, else they begin empty.

    A document's id is its path below ``source``; of one of several chunks, with its first words and a digest of its
    text behind (file_chunks). Judgments of texts that changed or are gone are set aside (set_aside).
    ``with_headings`` makes each heading a question for its own document, where there are none yet. What a call that was
    killed has left unwritten, the next one writes. Raises UserError where ``source`` holds no text, for a page that
    can't be read, and for two files of one id.
    """
    files, passed_over = text_files(source)
    refuse_alike(files, source)
    not_utf8: list[str] = []
    redirects: list[str] = []
    documents = [
        document for file in files for document in documents_of(file, source, chunk_characters, not_utf8, redirects)
    ]
    if not documents:
        raise UserError(f"{source} holds nothing but pages that lead to others.", "Give the folder of those.")
    known_items = {f"{HEADING}{d['_id']}:{i}": (h, d["_id"]) for d, hs in documents for i, h in enumerate(hs, 1)}
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    texts = {d["_id"]: d["text"] for d, _ in documents}
    revision = set_aside(folder, texts, keep_changed)
    write_lines(folder / "corpus.jsonl", [json.dumps(d, ensure_ascii=False) for d, _ in documents])
    queries, qrels = folder / "queries.jsonl", folder / "qrels" / "test.tsv"
    if not queries.exists():
        asked = known_items if with_headings and not qrels.exists() else {}
        write_lines(queries, [json.dumps({"_id": q, "text": h}, ensure_ascii=False) for q, (h, _) in asked.items()])
    if not qrels.exists():
        ids = [id_ for id_, _ in read_queries(queries) if id_ in known_items]
        write_lines(qrels, [QRELS_HEADER, *(f"{q}\t{known_items[q][1]}\t1" for q in ids)])
    bring_back(folder, texts, revision)
    count, findings = checked(folder)
    seen = [
        finding(check, names, len(files), says)
        for check, names, says in (("not_utf8", not_utf8, NOT_UTF8), ("redirects", redirects, LEADS_ON))
        if names
    ]
    return Made(len(files), len(documents), count, (*seen, *findings), passed_over, revision)


def checked(folder: Path) -> tuple[int, tuple[Finding, ...]]:
    """The number of questions in ``folder``, and the lint of all of it. Raises UserError for what can't be read."""
    documents, repeated, empty = first_of_each_id(read_documents(folder / "corpus.jsonl"), TextFile)
    queries = dict(read_queries(folder / "queries.jsonl"))
    qrels = read_qrels(folder / "qrels" / "test.tsv")
    return len(queries), tuple(lint(documents, queries, qrels, repeated, [], empty))


def text_files(source: Path) -> tuple[list[Path], tuple[Path, ...]]:
    """Every file of a known kind below ``source``, hidden ones left out, in the order of their paths; and what is
    passed over: links to folders, links that lead out of ``source`` or to nothing, and pipes, devices and sockets.
    """
    if not source.is_dir():
        raise UserError(f"{source} is no folder.", "Give the folder that holds your documents.")
    root = source.resolve()
    files: list[Path] = []
    passed_over: list[Path] = []
    for path in all_below(source):
        is_text = path.suffix.lower() in READERS
        if is_text and is_file_within(path, root):
            files.append(path)
        elif path.is_symlink() if path.is_dir() else is_text:
            passed_over.append(path)
    if not files:
        raise UserError(f"{source} holds no {', '.join(READERS)} file.", "Other kinds have to be converted first.")
    return files, tuple(passed_over)


def all_below(source: Path) -> list[Path]:
    """Every path below ``source`` in order, without hidden ones and what lies behind a link."""
    below = [Path(folder, name) for folder, folders, files in os.walk(source) for name in (*folders, *files)]
    return sorted(path for path in below if not any(part.startswith(".") for part in path.relative_to(source).parts))


def is_file_within(path: Path, folder: Path) -> bool:
    """Whether ``path`` is a file, or a link to one below ``folder`` (which has no links in it)."""
    try:
        return path.is_file() and (not path.is_symlink() or path.resolve(strict=True).is_relative_to(folder))
    except (OSError, RuntimeError):  # links in a circle
        return False


def refuse_alike(files: Sequence[Path], source: Path) -> None:
    """Raises UserError where two ``files`` have one id."""
    of_id: dict[str, Path] = {}
    for file in files:
        other = of_id.setdefault(id_of(file, source), file)
        if other != file:
            one, two = (ascii(str(path.relative_to(source))) for path in (other, file))
            raise UserError(f"{one} and {two} in {source} would have one id.", "Rename one of them.")


def id_of(file: Path, source: Path) -> str:
    """A file's path below ``source``, with spaces for what would end a line or a cell of judgments."""
    return whole_characters(re.sub(r"[\t\n\r]", " ", file.relative_to(source).as_posix()))


def documents_of(
    file: Path, source: Path, chunk_characters: int | None, not_utf8: list[str], redirects: list[str]
) -> Iterator[tuple[dict[str, str], Sequence[str]]]:
    """The documents of one file (``_id``, ``title``, ``text``), each with the headings in it.

    ``not_utf8`` is given the name of a file in which bytes were replaced by U+FFFD, ``redirects`` that of a page that
    only leads to another, which makes no document.
    """
    name = id_of(file, source)
    content = content_in(file, name, not_utf8)
    try:
        page = READERS[file.suffix.lower()](content, file.stem)
    except RecursionError:
        raise UserError(f"{file} is nested too deeply to be read.", "Take it out of the folder.") from None
    except UnreadablePageError as error:
        raise UserError(f"{file} {error}", "Mend it, or take it out of the folder.") from None
    if page.is_redirect:
        redirects.append(name)
        return
    is_markdown = file.suffix.lower() == ".md"
    parts = [page.text] if chunk_characters is None else chunks(page.text, chunk_characters, is_markdown)
    for id_, text in zip(ids_of(name, parts), parts, strict=True):
        inside = page.headings if len(parts) == 1 else [h for h in page.headings if h and h in text]
        yield {"_id": id_, "title": page.title, "text": text}, [h for h in dict.fromkeys(inside) if h.strip()]


def content_in(file: Path, name: str, not_utf8: list[str]) -> str:
    """The text in ``file``, its lines ended by ``\\n``. Raises UserError for UTF-16, archives and the like."""
    with opened_file(file) as opened:
        if (found := content_of(opened)) != "html":
            refuse_foreign(file, found)
        content = opened.read()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        not_utf8.append(name)
        text = content.decode("utf-8-sig", errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def write_lines(file: Path, lines: Sequence[str]) -> None:
    write_text(file, "".join(f"{whole_characters(line)}\n" for line in lines))
