"""Foreign strings as each medium shows them: literally, and never as something that the medium would act on.

Ids, names, texts, servers' words: whatever evalkit did not write itself goes through the one function of where it is
written. Terminals and logs have theirs beside the errors: ``errors.printable`` and ``errors.say``.
"""

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

# Cc but for line ends and tabs, line and paragraph separators, bidirectional overrides, surrogates, non-characters.
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
SURROGATES = re.compile("[\ud800-\udfff]")
LINE_ENDS_AND_TABS = re.compile(r"[\t\n\r]")

BREAK = "<!---->"  # a comment: nothing is seen or copied, and what it parts is not read as one word
WIDE_SPACES = "\xa0\u1680\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))  # stripped by some
ENTITIES = str.maketrans(
    {c: f"&#{ord(c)};" for c in r" |`[]*~\_#-+" + WIDE_SPACES} | {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
)
ACTS_IN_MARKDOWN = re.compile(
    r"[&<>|`\[\]*~]+"
    r"|\\(?![A-Za-z0-9])"  # it would escape what follows
    r"|(?<!\w)_+|_+(?!\w)"  # within a word it is no emphasis
    r"|^(?:\s|#|-(?=[- ]|$)|\+(?= |$))|\s$|#+$"  # what counts at either end of a line: code, headings, rules, lists
)
# GitHub and GitLab look for more in the text of the finished page, where entities are characters again.
READ_BY_A_FORGE = re.compile(
    r"(?<!\w)@(?=\w)|@(?=[\w-]+\.\w)"  # mentions, addresses of mail
    r"|\#(?=\d)|(?<!\w)[!~%^&](?=[\w\"]|[^\x00-\x7f])|(?<!\w)\$(?=\d+(?![\d.,]))|\[(?=\w+:)"  # issues and the like
    r"|(?<![^\W_])(?:[Gg][Hh]|[A-Z][A-Z\d_]+)-(?=\d)|\bGHSA-(?=\w)"  # GH-12, CVE-…, keys of other trackers
    r"|/(?=/)|(?<![^\W_])[Ww]{3}(?=\.|$)"  # URLs
    r"|:(?=[\w+-]+:)|\{(?=[+-])"  # :smile:, {+ differences +}
    r"|^\d{1,9}(?=[.)](?: |$))",  # an entity would hide the numbers of lists, but so does this
    re.ASCII,
)
COMMIT = re.compile(r"\b[0-9a-f]{7,}\b", re.ASCII | re.IGNORECASE)
SHORTER_THAN_A_COMMIT = 6
NO_MATHEMATICS = "<span>&#36;</span>"  # a $ where there are two: GitHub documents the span, GitLab reads entities

FORMULAS = ("=", "+", "-", "@", "\t")


def escape_controls(text: str) -> str:
    """``text`` with control characters, halves of emoji and what turns the reading direction as Python writes them.

    Unlike ``errors.printable`` it leaves line ends, tabs, joiners and wide spaces, which texts of a page are written
    with.
    """
    return UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], text)


def one_line(text: str) -> str:
    """``escape_controls`` with line ends and tabs as Python writes them: names, also those in XML (JUnit, SVG)."""
    return LINE_ENDS_AND_TABS.sub(lambda found: ascii(found[0])[1:-1], escape_controls(text))


@lru_cache(maxsize=4096)  # tables repeat names and figures
def markdown(text: str) -> str:
    """``text`` as a line or a cell of Markdown that renders as just that: no markup, link, mention or reference.

    Line ends and tabs become spaces. What is sought in a page's text, as ``@name``, is parted by an empty comment.
    """
    line = escape_controls(LINE_ENDS_AND_TABS.sub(" ", text))
    edits = [(*found.span(), found[0].translate(ENTITIES)) for found in ACTS_IN_MARKDOWN.finditer(line)]
    edits += [(place, place, BREAK) for place in {found.end() for found in READ_BY_A_FORGE.finditer(line)}]
    for found in COMMIT.finditer(line):
        places = range(found.start() + SHORTER_THAN_A_COMMIT, found.end(), SHORTER_THAN_A_COMMIT)
        edits += [(place, place, BREAK) for place in places]
    if line.count("$") > 1:
        edits += [(*found.span(), NO_MATHEMATICS) for found in re.finditer(r"\$", line)]
    return edited(line, sorted(edits))


def edited(line: str, edits: Iterable[tuple[int, int, str]]) -> str:
    """``line`` with what is from start to end replaced in each of ``edits``, which are in order."""
    pieces: list[str] = []
    reached = 0
    for start, end, replacement in edits:
        pieces += line[reached:start], replacement
        reached = end
    return "".join((*pieces, line[reached:]))


def html(value: Any) -> Any:
    """What a template prints, without control characters; Jinja's ``finalize``, after which it escapes markup."""
    from markupsafe import Markup

    return escape_controls(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def script_json(value: Any) -> str:
    """JSON that can stand in a script element: nothing in it ends the element or starts a comment.

    Strings read back as ``html`` prints them in the elements beside it.
    """
    text = json.dumps(shown(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.translate({ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"})


def shown(value: Any) -> Any:
    """``value`` with all strings within as ``html`` prints them."""
    match value:
        case str():
            return escape_controls(value)
        case dict():
            return {escape_controls(name): shown(part) for name, part in value.items()}
        case list() | tuple():
            return [shown(part) for part in value]
    return value


def json_file(text: str) -> str:
    """JSON's ``text`` with what no file should hold raw as JSON's own escapes: the same value, to be read by people.

    Half of a surrogate pair, which is no character and which no file of texts can hold, becomes U+FFFD.
    """
    return UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", SURROGATES.sub("\ufffd", text))


def csv_cell(text: str) -> str:
    """``text`` as a cell that no spreadsheet computes: an apostrophe before what would be a formula.

    A carriage return is written as Python does: not every writer quotes it, and then it would end the row.
    """
    cell = escape_controls(text).replace("\r", r"\r")
    return f"'{cell}" if cell.startswith(FORMULAS) else cell


def is_trec_field(text: str) -> bool:
    """Whether ``text`` can be one field of a line of TREC's, whose fields are parted by white space."""
    return text.split() == [text] and "\0" not in text
