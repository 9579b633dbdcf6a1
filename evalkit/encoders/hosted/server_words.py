"""What a server said when it refused or failed, as one line that its reader can act on.

Servers put their words into JSON of many shapes, HTML or plain text; SDKs keep them at many places of their errors.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from html import unescape
from http.client import responses
from typing import Any

from evalkit.config.trust.secrets import without
from evalkit.errors import abridged, printable
from evalkit.web.addresses import with_addresses_shown

LONGEST = 300
SHOWN_DETAILS = 3
MOST_READ = 20 * LONGEST  # characters of what may be a whole body
# Where JSON has the words, the most telling first: OpenAI and vLLM, TEI and Ollama, FastAPI, RFC 9457.
WORD_KEYS = ("error", "message", "msg", "detail", "errors", "title", "reason", "code")
HTML = re.compile(r"\s*<(!doctype|html|head|body)\b", re.IGNORECASE)
TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


def said_by(error: BaseException, status: int | None = None) -> str:
    """The server's own words in an SDK's error, uncut and raw.

    Without any, what its HTTP ``status`` is called; without one, what the error itself says, and its cause.
    """
    words = next((words for words in map(words_in, bodies(error)) if words.strip()), "")
    if words or status is None:
        return words or own_words(error)
    return responses.get(status, "no reason given") if status >= 300 else "it is empty"


def bodies(error: BaseException) -> Iterator[Any]:
    """Where SDKs keep what the server sent: the response itself, what they made of it."""
    with suppress(Exception):  # a body that was never read whole
        yield getattr(getattr(error, "response", None), "text", None)
    for name in ("body", "json_body", "http_body", "details"):
        yield getattr(error, name, None)


def words_in(content: Any) -> str:
    """The words in a body: JSON as text or as values, HTML (its title), or plain text."""
    if isinstance(content, str):
        return words_in_text(content)
    if isinstance(content, Mapping):
        return words_in_fields(content)
    if isinstance(content, list | tuple):
        told = [words for words in map(words_in, content[:SHOWN_DETAILS]) if words]
        more = len(content) - SHOWN_DETAILS
        return "; ".join(told) + (f"; {more} more" if more > 0 else "")
    return "" if content is None or isinstance(content, bool) else str(content)


def words_in_text(text: str) -> str:
    if HTML.match(text):
        title = TITLE.search(text)
        return unescape(title[1]) if title else "an HTML page"
    try:
        value = json.loads(text) if text.lstrip()[:1] in ("{", "[", '"') else text
    except (ValueError, RecursionError):
        value = text
    return value if isinstance(value, str) else words_in(value)


def words_in_fields(fields: Mapping[str, Any]) -> str:
    """The first telling field's words, behind the place in the request that FastAPI names (``loc``)."""
    told = next((words for key in WORD_KEYS if (words := words_in(fields.get(key)))), "")
    place = ".".join(str(step) for step in fields.get("loc") or () if step != "body") if told else ""
    return f"{place}: {told}" if place else told


def own_words(error: BaseException) -> str:
    """What ``error`` says, and its cause where an SDK says no more than that the connection failed."""
    told = [text for each in (error, error.__cause__) if each is not None and (text := message_of(each))]
    return ": ".join(dict.fromkeys(text.rstrip(".") for text in told)) or type(error).__name__


def message_of(error: BaseException) -> str:
    """``str(error)``, or nothing where an SDK's error can't be written."""
    try:
        return str(error)
    except Exception:
        return ""


def one_line(words: str, secret: str | None = None) -> str:
    """``words`` without ``secret`` and what addresses hide, control characters escaped, in one line.

    Its middle is left out at last: nothing of a secret is left by a cut before it is looked for.
    """
    words = abridged(words, MOST_READ)
    known = without(secret, words) if secret else words
    return printable(" ".join(with_addresses_shown(known).split()), LONGEST)
