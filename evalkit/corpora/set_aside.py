"""Judgments when a corpus is made again: each counts for the text that it was given for, and for no other.

One whose text has changed or is gone is taken out of ``qrels/<split>.tsv`` into ``set-aside/<split>.tsv``, with the
beginning of that text. It comes back with its text. Where the text is there under another id, the judgment follows it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evalkit.corpora.file_chunks import digest_of, said
from evalkit.corpora.files.opening import read_lines
from evalkit.corpora.files.rows import read_rows
from evalkit.corpora.judgments import Judgment, read_judgments
from evalkit.system.files import write_text

FOLDER = "set-aside"
QRELS_HEADER = "query-id\tcorpus-id\tscore"
HEADER = f"{QRELS_HEADER}\twhy\tsha256\ttext"
CHANGED, GONE, MOVED = "changed", "gone", "moved"
MOST_OF_TEXT = 200  # characters of a text that is shown beside a judgment


@dataclass(frozen=True)
class Aside:
    """A judgment that is set aside: ``why``, the sha256 of the text that it was given for, and how that began."""

    query: str
    document: str
    grade: str
    why: str
    sha256: str
    text: str

    @property
    def row(self) -> str:
        return "\t".join((self.query, self.document, self.grade, self.why, self.sha256, self.text))


@dataclass
class Revision:
    """What became of judgments: (query, document) of each; ``followed`` is (query, document before, document now)."""

    set_aside: list[tuple[str, str, str]] = field(default_factory=list)  # with why
    stayed: list[tuple[str, str]] = field(default_factory=list)  # of documents that changed
    followed: list[tuple[str, str, str]] = field(default_factory=list)
    back: list[tuple[str, str]] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)


def set_aside(folder: Path, texts: Mapping[str, str], keep_changed: bool) -> Revision:
    """Take the judgments out of ``folder`` that the new ``texts`` (id → text) of its documents do not fit.

    To be called before corpus.jsonl is written anew, which holds what was judged; ``bring_back`` is for afterwards.
    ``keep_changed`` lets judgments of documents stay that have the same id and another text. Raises UserError for files
    that can't be read.
    """
    revision = Revision()
    corpus = folder / "corpus.jsonl"
    if corpus.exists():
        before = dict(texts_of(corpus))
        for qrels in sorted((folder / "qrels").glob("*.tsv")):
            set_aside_of(qrels, folder / FOLDER / qrels.name, before, texts, keep_changed, revision)
    return revision


def bring_back(folder: Path, texts: Mapping[str, str], revision: Revision) -> None:
    """Put the judgments of ``folder`` back whose texts are there: those that follow them, and earlier ones."""
    moved = {(query, now) for query, _, now in revision.followed}
    for aside in sorted((folder / FOLDER).glob("*.tsv")):
        qrels = folder / "qrels" / aside.name
        lines = [line for _, line in read_lines(qrels)] if qrels.exists() else []
        rows = read_aside(aside)
        if is_plain(lines):
            there = [row for row in rows if row.document in texts]
            fitting = [row for row in there if digest_of(texts[row.document]) == row.sha256]
            left = "".join(lines)
            end = "\n" if fitting and not left.endswith("\n") else ""
            back = "".join(f"{row.query}\t{row.document}\t{row.grade}\n" for row in fitting)
            write_changed(qrels, left + end + back)
            rows = [row for row in rows if row not in fitting]
            write_aside(aside, rows)
            revision.back += [key for row in fitting if (key := (row.query, row.document)) not in moved]
        if rows:
            revision.files.append(aside)


def is_plain(lines: Sequence[str]) -> bool:
    """Whether the ``lines`` of a file of judgments are as new-corpus begins them, so that others can be added."""
    return bool(lines) and lines[0].strip().lower() == QRELS_HEADER


def texts_of(corpus: Path) -> Iterator[tuple[str, str]]:
    for _, row in read_rows(corpus):
        yield str(row.get("_id")), str(row.get("text") or "")


def set_aside_of(
    qrels: Path, aside: Path, before: Mapping[str, str], now: Mapping[str, str], keep_changed: bool, revision: Revision
) -> None:
    """The same for one file of judgments. A judgment is always in one of the two files, wherever this is killed."""
    lines = [line for _, line in read_lines(qrels)]
    judgments = list(read_judgments(qrels))
    judged = {(judgment.query, judgment.document) for judgment in judgments}
    place = only_places(now) if is_plain(lines) else {}
    rows = {(row.query, row.document): row for row in read_aside(aside) if (row.query, row.document) not in judged}
    for judgment in judgments:
        query, document = judgment.query, judgment.document
        if document not in before or is_same(before[document], now.get(document)):
            continue
        text = before[document]
        other = place.get(said(text))
        if other is None and keep_changed and document in now:
            revision.stayed.append((query, document))
            continue
        lines[int(judgment.where.rpartition(" ")[2]) - 1] = ""
        if other is not None and (query, other) not in judged:
            rows[query, other] = aside_of(judgment, other, MOVED, text)
            judged.add((query, other))
            revision.followed.append((query, document, other))
        else:
            why = CHANGED if document in now else GONE
            rows[query, document] = aside_of(judgment, document, why, text)
            revision.set_aside.append((query, document, why))
    write_aside(aside, list(rows.values()))
    write_changed(qrels, "".join(lines))


def only_places(texts: Mapping[str, str]) -> dict[str, str]:
    """text → the id of the one document that says it; texts of several documents are left out."""
    times = Counter(said(text) for text in texts.values())
    return {said(text): id_ for id_, text in texts.items() if times[said(text)] == 1 and text.strip()}


def is_same(before: str, now: str | None) -> bool:
    return now is not None and said(before) == said(now)


def aside_of(judgment: Judgment, document: str, why: str, text: str) -> Aside:
    return Aside(judgment.query, document, str(judgment.grade), why, digest_of(text), said(text)[:MOST_OF_TEXT])


def read_aside(file: Path) -> list[Aside]:
    """The rows of a file that was written before; none where it isn't there, and what isn't one is passed over."""
    lines = [line for _, line in read_lines(file)][1:] if file.exists() else []
    cells = [line.rstrip("\r\n").split("\t") for line in lines]
    return [Aside(*row) for row in cells if len(row) == len(HEADER.split("\t"))]


def write_aside(file: Path, rows: Sequence[Aside]) -> None:
    write_changed(file, "".join(f"{line}\n" for line in (HEADER, *(row.row for row in rows))) if rows else "")


def write_changed(file: Path, text: str) -> None:
    """``text`` in ``file``, or no file for an empty one; untouched where it holds that."""
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    if text and text != before:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, text)
    elif not text and before:
        file.unlink()
