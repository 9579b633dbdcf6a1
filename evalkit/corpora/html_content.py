"""What a reader of a web page came for, as text: no navigation, banners or footers, and a sentence on one line."""

import re
from typing import Any

UNSEEN = ("script", "style", "template", "noscript", "head", "button", "select", "svg", "iframe", "dialog")
FURNITURE = ("nav", "footer", "aside")
ROLES = ("navigation", "banner", "contentinfo", "complementary", "search", "dialog", "alertdialog", "menu", "menubar")
CALLED = {  # an id or a class of what is no content, whatever system made the page
    *("nav", "navbar", "navigation", "navheader", "navfooter", "navbar-wrapper", "menu", "menu-bar"),
    *("sidebar", "sphinxsidebar", "breadcrumb", "breadcrumbs", "toc", "toctree", "table-of-contents"),
    *("footer", "site-footer", "page-footer", "site-header", "skip-link", "skip-to-content"),
    *("headerlink", "anchor-link", "permalink"),
}
COOKIES = re.compile(r"cookie|consent|gdpr", re.IGNORECASE)
MARKS = "¶§#🔗"  # what a link to a heading itself is written as
SPACED = ("p", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "blockquote", "ul", "ol", "dl", "table", "figure", "hr")
LINES = ("div", "section", "article", "main", "header", "body", "li", "dt", "dd", "tr", "br", "caption", "figcaption")
OF_FORMS = ("form", "fieldset", "legend", "address", "details", "summary")
KEPT, LINE, SPACE = "\ue000", "\ue001", "\ue002"  # stand for a space of preformatted text, a new line, and an empty one
AROUND = {**dict.fromkeys(SPACED, SPACE), **dict.fromkeys((*LINES, *OF_FORMS), LINE), "td": " ", "th": " "}
ENDS = ((f"[ {LINE}{SPACE}]*{SPACE}[ {LINE}{SPACE}]*", "\n\n"), (f" *{LINE}[ {LINE}]*", "\n"), (" +", " "), (KEPT, " "))
LEAST_SHARE = 0.1  # of a page's text that its content has at least, else all of it is taken
MOST_OF_REDIRECT = 400  # characters of a page that only leads on
REDIRECTS = re.compile(r"\W*(redirecting\b|you are being redirected|this page (has|was) moved)", re.I)


def content_of(soup: Any) -> Any:
    """The element of ``soup`` (BeautifulSoup's, changed) that holds the content: main, article, or body."""
    for unseen in soup(UNSEEN):
        unseen.decompose()
    body = soup.body or soup
    before = len(body.get_text())
    for root in (soup.find("main") or soup.find(attrs={"role": "main"}), only_article(soup)):
        if root is not None and len(root.get_text()) > before * LEAST_SHARE:
            return without_furniture(root)
    return without_furniture(body)


def only_article(soup: Any) -> Any:
    """The article of a page that has one; null for a list of them, or none."""
    articles = soup.find_all("article")
    return articles[0] if len(articles) == 1 else None


def without_furniture(root: Any) -> Any:
    """``root`` without what is no content; as it is, where nothing would be left."""
    furniture = [element for element in root.find_all(True) if is_furniture(element)]
    places = {id(element) for element in furniture}
    outer = [element for element in furniture if not any(id(around) in places for around in element.parents)]
    if sum(len(element.get_text()) for element in outer) < len(root.get_text().rstrip()):
        for element in outer:
            element.extract()
    return root


def is_furniture(element: Any) -> bool:
    """Whether ``element`` is no content by its tag, its role, or what it is called."""
    attributes = element.attrs or {}
    if element.name in FURNITURE or attributes.get("role") in ROLES or "hidden" in attributes:
        return True
    called = {str(name).lower() for name in (*attributes.get("class", ()), attributes.get("id", ""))}
    is_called_so = not called.isdisjoint(CALLED) or any(COOKIES.search(name) for name in called)
    is_mark = element.name == "a" and element.get_text().strip() in MARKS and any(called)
    return is_mark or (is_called_so and element.find(["main", "article", "h1"]) is None)


def text_of(root: Any) -> str:
    """The text of ``root``: blocks on lines of their own, what is inline in the line that it is in."""
    from bs4 import NavigableString

    parts: list[str] = []
    stack: list[Any] = [(root, False)]
    while stack:
        node, is_kept = stack.pop()
        if isinstance(node, NavigableString):
            is_text = type(node) is NavigableString  # and no comment
            parts.append("" if not is_text else node.replace(" ", KEPT) if is_kept else re.sub(r"\s+", " ", node))
        elif isinstance(node, str):
            parts.append(node)
        else:
            around = AROUND.get(node.name, "")
            inside = is_kept or node.name == "pre"
            stack += [(around, False), *((child, inside) for child in reversed(node.contents)), (around, False)]
    text = "".join(parts)
    for pattern, plain in ENDS:
        text = re.sub(pattern, plain, text)
    return text.strip()


def leads_on(soup: Any) -> bool:
    """Whether a page (as it came) sends its reader to another at once."""
    is_refresh = re.compile("^refresh$", re.IGNORECASE)
    return soup.find("meta", attrs={"http-equiv": is_refresh, "content": re.compile("url", re.IGNORECASE)}) is not None


def says_it_leads_on(title: str, content: str) -> bool:
    return bool(REDIRECTS.match(title) or REDIRECTS.match(content))
