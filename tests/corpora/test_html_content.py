"""Of a web page its content is read: sentences whole, furniture left out, redirects told, long titles cut."""

import json
from pathlib import Path

import pytest

from evalkit.__main__ import main
from evalkit.corpora.pages import html, markdown

pytest.importorskip("bs4")
SENTENCE = '<p>Call <code>open()</code> on\n the <a href="x">valve</a>, then <b>wait</b>.</p>'
SAID = "Call open() on the valve, then wait."


def text(body: str) -> str:
    return html(f"<html><head><title>T</title></head><body>{body}</body></html>", "name").text


def test_what_is_inline_stays_in_its_sentence_and_blocks_have_lines_of_their_own() -> None:
    page = f"<h1>Valves</h1>{SENTENCE}<ul><li>one <em>two</em></li><li>three</li></ul><div>a</div><div>b<br>c</div>"
    assert text(page) == f"Valves\n\n{SAID}\n\none two\nthree\n\na\nb\nc"


def test_code_keeps_its_lines_and_a_row_of_a_table_is_a_line() -> None:
    assert text("<p>x</p><pre>a  b\n  c\n</pre>") == "x\n\na  b\n  c"
    assert text("<table><tr><th>k</th><th>v</th></tr>\n<tr><td>1</td><td>2</td></tr></table>") == "k v\n1 2"


@pytest.mark.parametrize(
    "furniture",
    [
        "<nav>Home</nav>",
        "<aside>See also</aside>",
        "<footer>© 2026</footer>",
        '<div role="navigation">Home</div>',
        '<div class="sphinxsidebar"><ul><li>Contents</li></ul></div>',
        '<div id="cookie-banner">We use cookies <button>Accept</button></div>',
        '<section class="CookieConsent__wrap">We use cookies</section>',
        "<div hidden>Menu</div>",
        '<a class="headerlink" href="#x">¶</a>',
        "<script>alert(1)</script><!-- comment --><button>Copy</button>",
    ],
)
@pytest.mark.parametrize("around", ["{}", "<main>{}</main>", "<article>{}</article>", '<div role="main">{}</div>'])
def test_furniture_is_left_out_wherever_it_stands(furniture: str, around: str) -> None:
    assert text(around.format(furniture + SENTENCE)) == SAID
    assert text(furniture + around.format(SENTENCE)) == SAID


def test_main_or_the_only_article_is_what_is_read() -> None:
    assert text(f"<div>Log in</div><main>{SENTENCE}</main>") == SAID
    assert text(f"<div>Log in</div><article>{SENTENCE}</article>") == SAID
    assert text("<article>one</article><article>two</article>") == "one\ntwo"


def test_what_is_called_as_furniture_and_holds_the_content_stays() -> None:
    assert text(f'<div class="toc sidebar"><h1>Valves</h1>{SENTENCE}</div>') == f"Valves\n\n{SAID}"
    assert text("<nav><p>All there is</p></nav>") == "All there is"
    assert text(f"<main>x</main><div>{SENTENCE * 5}</div>").count(SAID) == 5  # a main with next to nothing in it


@pytest.mark.parametrize(
    "page",
    [
        '<html><head><meta http-equiv="refresh" content="0; url=new.html"></head><body><a>Moved</a></body></html>',
        '<meta http-equiv="Refresh" content="0;URL=new.html">',
        "<title>Redirecting…</title><body>Click <a href=x>here</a>.</body>",
        "<body><p>You are being redirected to <a>the new page</a></p></body>",
    ],
)
def test_a_page_that_only_leads_on_is_left_out_with_a_finding(
    page: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("semantic_text_splitter")
    source = tmp_path / "pages"
    source.mkdir()
    (source / "old.html").write_text(page)
    (source / "new.html").write_text("<h1>Redirects</h1><p>How to redirect a pump: turn the valve.</p>")
    assert main(["new-corpus", str(source), f"output_dir={tmp_path / 'made'}"]) == 0
    said = capsys.readouterr().err
    assert "1 of 2 pages only lead to another and were left out ('old.html')" in said
    assert [json.loads(line)["_id"] for line in (tmp_path / "made" / "corpus.jsonl").open()] == ["new.html"]
    (source / "new.html").unlink()
    assert main(["new-corpus", str(source), f"output_dir={tmp_path / 'none'}"]) == 2
    assert "holds nothing but pages that lead to others" in capsys.readouterr().err


def test_a_long_title_is_cut_between_words() -> None:
    title = "word " * 120
    for page in (html(f"<title>{title}</title><p>x</p>", "n"), markdown(f"# {title}\n\nx", "n")):
        assert page.title == ("word " * 40).rstrip() + "…"
    assert html("<title>Short &amp; plain</title><p>x</p>", "n").title == "Short & plain"
