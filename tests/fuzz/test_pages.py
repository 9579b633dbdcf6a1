"""Whatever pages lie in a folder, new-corpus makes a corpus of what they say, soon, or a line says what is wrong."""

import json
import random
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.corpora.file_chunks import chunks
from evalkit.corpora.pages import html
from tests.fuzz.rule import Ending, ended, fuzz, no_hang
from tests.fuzz.test_data import CHANCE, spoilt

pytest.importorskip("bs4")
TextSplitter = pytest.importorskip("semantic_text_splitter").TextSplitter
SECONDS = 30
MARKDOWN = "# Pumps\n\nHow a pump works.\n\n```\n# no heading\n```\n\n## Priming\n\nFill it *first*. Größe\n"
HTML = """<!doctype html><html><head><title>Valves &amp; seats</title><style>p {color: red}</style></head><body>
<h1>Valves</h1><p>A valve <b>closes</b> a pipe. <script>alert("no")</script><h2>Grinding</h2><p>Use paste.</p>"""
PAGES = {"notes.txt": "Grease the bearing every year. ü\n\n" * 5, "pump.md": MARKDOWN, "valve.html": HTML}
JUNK = (
    *(b"<div>" * 1_000, b"<b" * 2_000, b"<!--" * 1_000, b"<![CDATA[", b"<![if", b"&#x110000;", b"&#0;", b"&#" * 2_000),
    *(
        b"&" * 2_000,
        b"&#" + b"9" * 5_000 + b";",
        b"</body>",
        b"<?" * 2_000,
        b"<!" * 2_000,
        b"</" * 2_000,
        b"<a " * 1_000,
    ),
    *(b"<a b='" * 1_000, b'<a b="' * 1_001 + b">", b"<script>", b"<title>", b"> " * 2_000, b"[" * 2_000, b"![" * 2_000),
    *(b"- " * 2_000, b"```", b"|" * 2_000, b"\\" * 2_000, b"*" * 2_000, b"# \n", b"\r", b"\0", b"x" * 3_000),
    *(b"- a\n" * 500, b"**a" * 1_000, b"\xe2\x80\x8d" * 1_000, b"e\xcc\x81" * 1_000, b"<" * 2_000),
)


def made(source: Path, folder: Path, *settings: str) -> tuple[Ending, list[dict[str, str]]]:
    """How new-corpus ends, and the documents that it writes."""
    ending = ended(["new-corpus", str(source), f"output_dir={folder}", *settings], SECONDS)
    ending.assert_told()
    if ending.code:
        return ending, []
    return ending, [json.loads(line) for line in (folder / "corpus.jsonl").read_text().split("\n")[:-1]]


def without_spaces(text: str) -> str:
    return "".join(text.split())


@fuzz(whole=600, sample=8)
@given(
    name=st.sampled_from(list(PAGES)),
    size=st.sampled_from((None, 1, 7, 60)),
    headings=st.booleans(),
    times=st.sampled_from((1, 1, 4)),
    chance=CHANCE,
)
def test_a_folder_of_any_pages_becomes_a_corpus_of_what_they_say(
    name: str, size: int | None, headings: bool, times: int, chance: random.Random
) -> None:
    with TemporaryDirectory() as temporary:
        source, folder = Path(temporary, "source"), Path(temporary, "made")
        source.mkdir()
        for page, text in PAGES.items():
            (source / page).write_text(text)
        content = PAGES[name].encode()
        for _ in range(times):
            content = with_junk(content, chance) or b"x"
        (source / name).write_bytes(content)
        settings = [f"headings={str(headings).lower()}", *([f"chunk_characters={size}"] if size else [])]
        ending, documents = made(source, folder, *settings)
        if ending.code:
            return
        texts = {page: [d["text"] for d in documents if d["_id"].partition("#")[0] == page] for page in PAGES}
        assert len({document["_id"] for document in documents}) == len(documents) == sum(map(len, texts.values()))
        assert max(len(document["text"]) for document in documents) <= (size or 10**9)
        for page in ("notes.txt", "pump.md"):
            said = (source / page).read_bytes().decode("utf-8-sig", "replace")
            assert without_spaces("".join(texts[page])) == without_spaces(said)
        if name != "valve.html":
            assert without_spaces("".join(texts["valve.html"])) == "ValvesAvalveclosesapipe.GrindingUsepaste."
        assert_questions_of(folder, {document["_id"]: document["text"] for document in documents})


def with_junk(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content))
    return spoilt(content, chance) if chance.random() < 0.3 else content[:at] + chance.choice(JUNK) + content[at:]


def assert_questions_of(folder: Path, texts: dict[str, str]) -> None:
    """Every question has one judgment, of a document that is there."""
    asked = [json.loads(line)["_id"] for line in (folder / "queries.jsonl").read_text().split("\n")[:-1]]
    judged = [line.split("\t") for line in (folder / "qrels" / "test.tsv").read_text().split("\n")[1:-1]]
    assert [query for query, _, _ in judged] == asked
    assert {document for _, document, _ in judged} <= texts.keys()


SHOWN = {  # what is written, and what a reader sees of it
    "<p>plain</p>": "plain",
    "<P CLASS=a>upper</P >": "upper",
    "<b><i>two</b></i>": "two",
    "<p title='a > b'>quoted</p>": "quoted",
    '<p title="it\'s <b>">both</p>': "both",
    "<p a=b/c>slash<br/>": "slash",
    "<!-- no <b>no</b> -->": "",
    "<!---->": "",
    "<!-- a -- b --><p>dashes": "dashes",
    "<script>if (a < b) '<p>no</p>' && '<!--'</script>": "",
    "<script>'&#b; <![x'</script>": "",
    "<style>p > a {}</style>": "",
    "<template>no</template>": "",
    "<noscript>no</noscript>": "",
    "<?php no ?>": "",
    "<![if !IE]>": "",
    "<![endif]>": "",
    "<![endif]-->": "",
    "<![no such section]>": "",
    "<!x y>": "",
    "</>": "",
    "</no>": "",
    "</p/>": "",
    "a < b": "a<b",
    "a <3 b": "a<3b",
    "x<<p>y": "x<y",
    "&lt;b&gt;": "<b>",
    "&amp;amp;": "&amp;",
    "AT&T": "AT&T",
    "a & b": "a&b",
    "&copy;": "©",
    "&#65;&#x42;": "AB",
    "&#b; &#; &#x;": "&#b;&#;&#x;",
    f"&#{'9' * 5_000};": f"&#{'9' * 5_000};",
    "&nosuch; z": "&nosuch;z",
    "<p>\u00fc\u65e5\U0001f642": "\u00fc\u65e5\U0001f642",
    "<table><tr><td>cell": "cell",
    "<ul><li>one<li>two</ul>": "onetwo",
    "<pre>  a\n  b</pre>": "ab",
    "<textarea>area</textarea>": "area",
    "<div " + "a=1 " * 2_000 + ">many": "many",
    "<div>" * 3_000: "",
    "</div>" * 3_000: "",
}
UNCLOSED = {
    **{words: words for words in ("", "<", "<b", "</b", "<a b='c", '<a b="c', "&", "&#", "&#6", "<a", "<!-- c")},
    "<script>no": "",
    "<script><p>no</p": "",
    "<style>no": "",
    "&am": "&am",
    "&amp": "&",
}


@fuzz(whole=20_000, sample=150)
@given(
    pieces=st.lists(st.sampled_from(list(SHOWN)), min_size=1, max_size=8),
    end=st.sampled_from(list(UNCLOSED)),
    is_whole=st.booleans(),
)
def test_of_html_just_what_a_reader_sees_is_kept(pieces: list[str], end: str, is_whole: bool) -> None:
    written = "\n".join(pieces) + f"\n {end}"
    seen = without_spaces("".join(SHOWN[piece] for piece in pieces) + UNCLOSED[end])
    before = "<!DOCTYPE html><html><head><title>T</title></head><body>" if is_whole else ""
    with no_hang(SECONDS):
        assert without_spaces(html(before + written, "page").text) == seen


@pytest.mark.parametrize(
    ("piece", "size", "is_markdown"),
    [("x", 60, False), ("x", 60, True), ("word ", 20, False), ("A line.\n", 10, False), ("A line.\n", 20, True)],
)
def test_chunks_of_a_long_page_are_made_soon_and_hold_it_all(piece: str, size: int, is_markdown: bool) -> None:
    text = piece * (600_000 // len(piece))
    with no_hang(SECONDS):
        parts = chunks(text, size, is_markdown)
    assert without_spaces("".join(parts)) == without_spaces(text)
    assert max(map(len, parts)) <= size


def test_chunks_of_a_page_of_no_more_than_are_made_at_once_are_the_splitters() -> None:
    text = "\n\n".join(f"Paragraph {i} has words, and a sentence. Then another one." for i in range(60))
    assert chunks(text, 70, False) == TextSplitter(70).chunks(text)


@pytest.mark.parametrize("piece", ["<b", "<!--", "<a ", "<a b='", "<?", "<!", "</", "</b", "<!DOCTYPE a"])
def test_a_page_of_tags_without_ends_is_refused_soon(piece: str, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "page.html").write_text(piece * 10_000)
    ending, _ = made(tmp_path / "source", tmp_path / "made")
    assert ending.code == 2
    assert "page.html has more than 20 tags or comments that never end." in ending.err
    assert not (tmp_path / "made").exists()


NAMES = ("a.txt", "a b.txt", "a\tb.txt", "a\nb.txt", "a\rb.txt", '"a".txt', "#a.txt", "a#1.txt", "\ud800.txt", " .txt")
BYTES = (b"\xff.txt", b"\xfe.txt", "\u2028.txt".encode(), b"A.TXT", b"heading:a.txt", b"a.txt#1.txt")


@fuzz(whole=150, sample=5)
@given(
    names=st.lists(st.sampled_from([*(n.encode("utf-8", "replace") for n in NAMES), *BYTES]), min_size=1, unique=True)
)
def test_every_file_has_an_id_of_its_own(names: list[bytes]) -> None:
    with TemporaryDirectory() as temporary:
        source = Path(temporary, "source")
        source.mkdir()
        for number, name in enumerate(names):
            Path(source, name.decode("utf-8", "surrogateescape")).write_text(f"text {number}")
        ending, documents = made(source, Path(temporary, "made"), "chunk_characters=3")
        alike = ({b"a b.txt", b"a\tb.txt", b"a\nb.txt", b"a\rb.txt"}, {b"\xff.txt", b"\xfe.txt"})
        is_refused = any(len(kind & set(names)) > 1 for kind in alike)
        assert bool(ending.code) == is_refused, ending
        if not is_refused:
            assert len({document["_id"] for document in documents}) == len(documents) == 2 * len(names)
