"""A page of text, Markdown or HTML: its title, what a reader sees of it, and its headings."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

MOST_OF_TITLE = 200  # characters
MOST_UNCLOSED = 20  # tags and comments in a page: behind each, the rest of it is read again
NO_REFERENCE = re.compile(r"&(?=#(?!(?:[0-9]{1,20}|[xX][0-9a-fA-F]{1,20})[^0-9a-fA-F]))")  # nor one too long to be one
NAMED = re.compile(r"&(?=([A-Za-z][A-Za-z0-9]*;))")
NO_SECTION = re.compile(r"<!(?=\[(?!CDATA\[))")


@dataclass(frozen=True)
class Page:
    """What was read of one file."""

    title: str
    text: str
    headings: tuple[str, ...]
    is_redirect: bool = False  # there is nothing but the way to another page


class UnreadablePageError(Exception):
    """What is wrong with a page, to stand behind its name."""


def plain(text: str, name: str) -> Page:
    return Page(name, text.strip(), ())


def markdown(text: str, name: str) -> Page:
    """The text as written; headings are Markdown's own, not ``#`` in code."""
    from markdown_it import MarkdownIt

    tokens = MarkdownIt().disable("inline").parse(text)  # what stands within lines can take long, and tells nothing
    headings = tuple(inline.content for token, inline in pairwise(tokens) if token.type == "heading_open")
    return Page(short(headings[0] if headings else name), text.strip(), headings)


def html(text: str, name: str) -> Page:
    """What a reader came for, without page furniture. Raises UnreadablePageError for what is hardly HTML."""
    from bs4 import BeautifulSoup

    from evalkit.corpora.html_content import MOST_OF_REDIRECT, content_of, leads_on, says_it_leads_on, text_of

    soup = BeautifulSoup(closed(text), "html.parser")
    title = " ".join(soup.title.get_text(" ").split()) if soup.title else ""
    is_sent_on = leads_on(soup)
    body = content_of(soup)
    content = text_of(body)
    headings = tuple(" ".join(text_of(heading).split()) for heading in body.find_all(re.compile("^h[1-6]$")))
    if len(content) <= MOST_OF_REDIRECT and (is_sent_on or says_it_leads_on(title, content)):
        return Page(title or name, "", (), is_redirect=True)
    return Page(short(title or next(filter(None, headings), name)), content, headings)


def short(title: str) -> str:
    """``title`` up to ``MOST_OF_TITLE`` characters, cut between words: it is put before the text of every document."""
    title = " ".join(title.split())
    return title if len(title) <= MOST_OF_TITLE else f"{title[:MOST_OF_TITLE].rsplit(' ', 1)[0]}…"


def closed(text: str) -> str:
    """HTML as a reader sees ``text``, in which every tag, comment and reference that begins ends, too.

    ``html.parser`` takes square time for those that do not, and some end it, or what it reads of the page.
    Raises UnreadablePageError where more than ``MOST_UNCLOSED`` tags and comments have no end.
    """
    from html.entities import html5
    from html.parser import HTMLParser

    text = NAMED.sub(lambda found: "&" if found[1] in html5 else "&amp;", NO_REFERENCE.sub("&amp;", text))
    rest = NO_SECTION.sub("<! ", text) + "\n"
    read = ""
    parser = HTMLParser(convert_charrefs=False)
    for _ in range(MOST_UNCLOSED + 1):
        parser.feed(rest)
        unread = parser.rawdata
        read += rest[: len(rest) - len(unread)]
        if not unread.startswith("<") or parser.cdata_elem:
            return read + unread
        parser.rawdata, rest = "", f"&lt;{unread[1:]}"
    raise UnreadablePageError(f"has more than {MOST_UNCLOSED} tags or comments that never end.")


READERS: dict[str, Callable[[str, str], Page]] = {".txt": plain, ".md": markdown, ".html": html, ".htm": html}
