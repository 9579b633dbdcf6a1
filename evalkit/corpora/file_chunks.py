"""One file's text in chunks, each with an id made of what it says: what is written elsewhere changes neither.

Chunks are cut within regions, which begin at paragraphs that their own text chooses (content-defined chunking, as in
LBFS, Muthitacharoen et al. 2001). So a change moves the cuts up to the next such paragraph, and none beyond.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import chain

from evalkit.system.digests import digest

REGION = 4  # chunks in a region, on average
CHUNKS_AT_ONCE = 200  # the splitter's time grows with the square of their number
PARAGRAPH = re.compile(r"\n[ \t]*\n\s*|(?<=[.!?:;])[ \t]*\n")
SENTENCE = re.compile(r"(?<=[.!?])\s+")
ENDS = ("\n\n", "\n", ". ", " ")  # where a longer text is cut before it, the best first
DIGITS = (8, 16, 64)  # hexadecimal, of the sha256 of a chunk's text
WORDS_OF_ID, MOST_OF_SLUG = 5, 40


def chunks(text: str, characters: int, is_markdown: bool) -> list[str]:
    """``text`` in parts of at most so many characters, cut at headings, paragraphs and sentences where possible."""
    from semantic_text_splitter import MarkdownSplitter, TextSplitter

    if len(text) <= characters:
        return [text]
    splitter = MarkdownSplitter(characters) if is_markdown else TextSplitter(characters)
    return [
        chunk
        for region in regions(text, REGION * characters)
        for block in blocks(region, CHUNKS_AT_ONCE * characters)
        for chunk in splitter.chunks(block)
    ] or [""]


def regions(text: str, size: int) -> Iterator[str]:
    """``text`` in parts of about ``size`` characters: each paragraph alone decides whether one begins with it."""
    begin = 0
    for start, paragraph in paragraphs(text, size):
        if start > begin and share(paragraph) < len(paragraph) / size:
            yield text[begin:start]
            begin = start
    yield text[begin:]


def paragraphs(text: str, size: int) -> Iterator[tuple[int, str]]:
    """Where each paragraph of ``text`` starts, and its text; of one longer than ``size``, each sentence."""
    for start, paragraph in cut(text, PARAGRAPH):
        parts = cut(paragraph, SENTENCE) if len(paragraph) > size else [(0, paragraph)]
        yield from ((start + at, part) for at, part in parts)


def cut(text: str, behind: re.Pattern[str]) -> Iterator[tuple[int, str]]:
    start = 0
    for end in chain((found.end() for found in behind.finditer(text)), (len(text),)):
        if end > start:
            yield start, text[start:end]
            start = end


def share(text: str) -> float:
    """A number from 0 to 1 that ``text`` alone decides."""
    return int(digest_of(text)[:12], 16) / 16**12


def blocks(text: str, most: int) -> Iterator[str]:
    """``text`` in parts of at most ``most`` characters, cut in their second half behind the best of ``ENDS``."""
    begin = 0
    while len(text) - begin > most:
        half, limit = begin + most // 2, begin + most
        ends = (at + len(end) for end in ENDS if (at := text.rfind(end, half, limit)) >= 0)
        cut_at = next(ends, limit)
        yield text[begin:cut_at]
        begin = cut_at
    yield text[begin:]


def ids_of(name: str, texts: Sequence[str]) -> list[str]:
    """An id for each of the chunks ``texts`` of the file ``name``: ``guide.md#fill-the-pump-first-3f9a1c2b``.

    The file's name alone for a single one. A text that comes again has ``.2`` behind its id. Where two texts would
    have one id, digests are longer.
    """
    if len(texts) == 1:
        return [name]
    for digits in DIGITS:
        ids = [f"{name}#{slug(text)}{digest_of(text)[:digits]}" for text in texts]
        if len(set(ids)) == len({said(text) for text in texts}):
            break
    times: dict[str, int] = {}
    numbered = []
    for id_ in ids:
        times[id_] = times.get(id_, 0) + 1
        numbered.append(id_ if times[id_] == 1 else f"{id_}.{times[id_]}")
    return numbered


def slug(text: str) -> str:
    """The first words of ``text`` for an id, with a dash behind; empty where it has none."""
    words = re.findall(r"\w+", text.lower())[:WORDS_OF_ID]
    return f"{'-'.join(words)[:MOST_OF_SLUG]}-" if words else ""


def digest_of(text: str) -> str:
    """sha256 (hex) of what ``text`` says."""
    return digest([said(text)])


def said(text: str) -> str:
    """``text`` with one space between words: how its lines are broken doesn't change what it says."""
    return " ".join(text.split())
