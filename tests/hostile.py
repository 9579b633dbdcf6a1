"""Names that media act on, and independent readers that tell whether a medium did.

The readers stand for what shows the output: a terminal and a CI's log, GitHub's and GitLab's comments, spreadsheets.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import ParseError

from bs4 import BeautifulSoup, Comment
from jinja2 import Environment
from markdown_it import MarkdownIt
from markupsafe import Markup
from rich.console import Console
from rich.text import Text

from evalkit.errors import printable
from evalkit.formats.media import csv_cell, html, json_file, markdown, one_line, script_json

PAYLOADS = (
    *("::error file=a.py,line=1::owned", "::stop-commands::token", "::set-output name=a::b", " ::add-mask::e"),
    *("##[group]x", "##[error]x", "##vso[task.complete result=Succeeded]", "##teamcity[buildStatus text='x']"),
    *("\x1b[2Jcleared", "\x1b]0;title\x07", "\x1b]8;;http://a.example\x07link\x1b]8;;\x07", "\x9b31mred", "a\rb"),
    *("a\nb\tc", "section_start:1:a\r\x1b[0Kx", "[red]x[/red]", "[link=http://a.example]x[/link]"),
    *("\u202eevil\u202c", "a\u2028b", "@octocat", "mail me@a.example", "see #12", "org/repo#12", "GH-12"),
    *("CVE-2024-3094", "!12 ~bug %1 &2 $3", "http://a.example/x", "www.a.example", "deadbeef"),
    *("0123456789abcdef0123456789abcdef01234567", ":smile:", "$a$"),
    *("<img src=x onerror=alert(1)>", "</script><script>alert(1)</script>", "<!-- x", "--> x", "</details>"),
    *("&lt;b&gt;", "![i](http://a.example/i.png)", "[a](javascript:alert(1))", "[^1]", "[x]: http://a.example"),
    *(
        "**b** _i_ ~~s~~ __u__",
        "`code`",
        "```\nfence",
        "# heading",
        "a #",
        "_www.a.example",
        "- item",
        "1. item",
        "> quote",
        "    code",
        "---",
    ),
    *("| a | b |", "a \\", "\\| \\*", "=1+1", "+1+1", "-1+1", '@SUM(1)"', "=cmd|' /C calc'!A0", "\t=1", "\r=1"),
    *('"', "'", "a,b;c", "]]>", "<![CDATA[", "$\\frac{", "_hidden", "{{ 7*7 }}", "{a|x}", "{value}"),
    *("javascript:alert(1)", "%s{0}"),
)
WITHOUT_SPACE = tuple(dict.fromkeys(re.sub(r"\s", "_", payload) for payload in PAYLOADS))

OF_GITHUB = (
    *("add-mask", "add-matcher", "add-path", "debug", "echo", "endgroup", "error", "group", "internal-set-repo-path"),
    *("notice", "remove-matcher", "save-state", "set-env", "set-output", "stop-commands", "warning"),
)
PLACES = {  # in Markdown: how a string stands there, and the element that shows it
    "item": ("- {}\n- next", "li"),
    "heading": ("## {}", "h2"),
    "cell": ("| a | b |\n|---|---|\n| {} | c |", "td"),
    "behind words": ("Ranked on {}.", "p"),
}
TEMPLATE = Environment(autoescape=True, finalize=html).from_string(
    '<p title="{{ x }}">.{{ x }}.</p><script type="application/json">{{ data }}</script>'
)
COMMONMARK = MarkdownIt("commonmark").enable(["table", "strikethrough"])
ACTS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
SOUGHT = {  # what GitHub or GitLab look for in the text of a page, by their documentation
    "mention": r"(?<![0-9A-Za-z_])@[0-9A-Za-z]",
    "mail": r"[0-9A-Za-z._+-]@[0-9A-Za-z_-]+\.[0-9A-Za-z]",
    "issue": r"#\d|(?<![0-9A-Za-z])[Gg][Hh]-\d|\b[A-Z][A-Z0-9_]+-\d",
    "reference": r"(?<![0-9A-Za-z_])[!~%^&]\w|(?<!\w)\$\d+(?![\d.,])",
    "commit": r"\b[0-9a-f]{7,}\b",
    "address": r"//|(?<![0-9A-Za-z])[Ww]{3}\.",
    "emoji": r":[0-9A-Za-z_+-]+:",
    "mathematics": r"\$.*\$",
}


def stated(text: str) -> str:
    """``text`` with its controls as the media's functions say that they write them."""
    return ACTS.sub(lambda found: ascii(found[0])[1:-1], text)


def stated_line(text: str) -> str:
    """The same of functions that keep to a line."""
    return re.sub(r"[\t\n\r]", lambda found: ascii(found[0])[1:-1], stated(text))


def stated_cell(text: str) -> str:
    """The same of cells of CSV."""
    return stated(text).replace("\r", r"\r")


def collapsed(text: str) -> str:
    """White space as a browser shows it."""
    return re.sub(r"[ \t\n\r]+", " ", text).strip(" ")


def page_of(markdown: str) -> BeautifulSoup:
    return BeautifulSoup(COMMONMARK.render(markdown), "html.parser")


def tags(page: BeautifulSoup) -> list[str]:
    """Every element in its order; a span does nothing."""
    return [tag.name for tag in page.find_all(True) if tag.name != "span"]


def sought(page: BeautifulSoup) -> Iterator[tuple[str, str]]:
    """(kind, text) of all that a forge would turn into a link, a picture or a message to someone."""
    for text in page.find_all(string=True):
        if not isinstance(text, Comment):
            yield from ((kind, str(text)) for kind, pattern in SOUGHT.items() if re.search(pattern, text))


def ci_commands(log: str) -> list[str]:
    """Lines that GitHub's runner, Azure's agent or TeamCity would obey."""
    at_start = re.compile(rf"\s*::(?:{'|'.join(OF_GITHUB)})\b.*::", re.IGNORECASE)
    anywhere = re.compile(r"##(?:vso|teamcity)?\[")
    return [line for line in log.splitlines() if at_start.match(line) or anywhere.search(line)]


def moves_the_cursor(log: str) -> list[str]:
    """What is not simply shown, line by line."""
    return [line for line in log.split("\n") if ACTS.search(line) or "\r" in line]


def is_formula(cell: str) -> bool:
    """Whether a spreadsheet would compute ``cell``; a number is none."""
    if re.fullmatch(r"[+-]?\d+(\.\d+)?(e[+-]?\d+)?", cell):
        return False
    return cell[:1] in ("=", "+", "-", "@", "\t", "\r")


def check_markdown(payload: str) -> None:
    """It is shown wherever it stands, and adds no element, link or reference."""
    for form, element in PLACES.values():
        page, plain = (page_of(form.format(markdown(text))) for text in (payload, "plain"))
        shown = page.find(element).get_text()
        assert collapsed(shown) == collapsed(form.format(stated(payload)) if element == "p" else stated(payload))
        assert tags(page) == tags(plain)
        assert list(sought(page)) == []


def check_terminal(payload: str) -> None:
    """It is shown on lines of any width, moves no cursor and commands no CI."""
    shown = printable(payload)
    assert shown.isprintable()
    unescaped = shown.replace(r":\x3a", "::").replace(r"#\x23", "##")
    assert unescaped == "".join(c if c.isprintable() else ascii(c)[1:-1] for c in payload)
    for width in (3, 7, 40, 160):  # wrapped lines begin anywhere
        out = io.StringIO()
        Console(file=out, width=width, force_terminal=True, color_system=None).print(Text(printable(f"x {payload}")))
        assert ci_commands(out.getvalue()) == []
        assert moves_the_cursor(out.getvalue()) == []


def check_spreadsheet(payload: str) -> None:
    """It is a cell, and no formula; a number stays one."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerow([csv_cell(payload), "-1.5"])
    ((cell, number),) = csv.reader(io.StringIO(out.getvalue(), newline=""))
    assert not is_formula(cell)
    assert cell.removeprefix("'") == stated_cell(payload).removeprefix("'")
    assert number == "-1.5"


def check_documents(payload: str) -> None:
    """HTML, JSON in a script, XML and JSON files are well formed and hold it."""
    data = Markup(script_json({payload: [payload]}))  # noqa: S704
    page = BeautifulSoup(TEMPLATE.render(x=payload, data=data), "html.parser")
    assert [tag.name for tag in page.find_all(True)] == ["p", "script"]
    assert page.p is not None
    assert page.script is not None
    assert page.p.get_text().strip(".") == page.p["title"].strip(".") == stated(payload).strip(".")
    assert json.loads(page.script.get_text()) == {stated(payload): [stated(payload)]}

    element = ET.Element("case", name=one_line(payload))
    element.text = one_line(payload)
    read = ET.fromstring(ET.tostring(element))  # noqa: S314
    assert (read.get("name"), read.text or "") == (stated_line(payload), stated_line(payload))

    text = json_file(json.dumps({payload: payload}, ensure_ascii=False))
    assert json.loads(text) == {payload: payload}
    assert moves_the_cursor(text) == []


CHECKS = (check_markdown, check_terminal, check_spreadsheet, check_documents)


def wrongly_shown(check: Callable[[str], None], payloads: Iterable[str]) -> list[tuple[str, Exception]]:
    """Those of ``payloads`` that ``check`` finds not shown, or acted on, each with what it found."""
    found: list[tuple[str, Exception]] = []
    for payload in payloads:
        try:
            check(payload)
        except (AssertionError, ParseError, ValueError) as error:
            found.append((ascii(payload), error))
    return found
