"""A text's words: runs of letters and digits with their marks, and pairs of characters where a script has no spaces.

The pairs, the widths and the points are treated as Lucene's CJKAnalyzer and ArabicNormalizationFilter do it.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import pairwise

# Scripts whose words no space divides, or, in Korean, few: a pair of neighbouring characters stands for a word.
UNSPACED_BLOCKS = (
    *((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF)),  # Thai and Lao, Myanmar, Khmer
    *((0x1950, 0x19DF), (0x1A20, 0x1AAF), (0xA9E0, 0xA9FF), (0xAA60, 0xAADF)),  # Tai Le to Tai Viet, more Myanmar
    *((0x3005, 0x3007), (0x3040, 0x30FF), (0x31F0, 0x31FF)),  # marks of repetition, Hiragana, Katakana
    *((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF)),  # Han
    *((0x1100, 0x11FF), (0x3130, 0x318F), (0xA960, 0xA97F), (0xAC00, 0xD7FF)),  # Hangul
)
MORE_HAN = "\U00020000-\U0003ffff"
MARKS_END = 0x20000
MARKS = ("Mn", "Mc")  # not those that enclose, as of a key on a keyboard
LETTERS = re.compile(r"\w\w+")
WIDTHS = re.compile("[\uff00-\uffef]+")  # full-width Latin, half-width Katakana
IGNORED = (
    "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"  # Hebrew points
    "\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed"  # Arabic points, and what lengthens a word
    "\ufe00-\ufe0f\U000e0100-\U000e01ef"  # which variant of a glyph is meant
)
DOTTED_I = "i\u0307"  # what İ is in lower case


def words(text: str) -> list[str]:
    """The words of ``text`` in order, in lower case, stopwords included. One letter or digit alone is no word.

    Texts that are canonically the same (NFC or NFD) have the same words. Compatibility characters stay what they are,
    since 10² is not 102, but for those of another width. Points of Arabic and Hebrew, which few writers set, are left
    out.
    """
    if is_plain(text):
        return LETTERS.findall(text.lower())
    return [word for run in token_pattern().findall(normalized(text)) for word in words_of_run(run)]


def is_plain(text: str) -> bool:
    """Whether runs of letters and digits are all that there is to the words of ``text``."""
    return text.isascii() or (unicodedata.is_normalized("NFC", text) and not beyond_letters().search(text))


def words_of_run(run: str) -> Iterable[str]:
    """``run`` itself, or each two neighbouring characters of a script without spaces; a single one stands alone."""
    characters = unspaced_pattern().findall(run)
    if not characters:
        return (run,)
    return map("".join, pairwise(characters)) if len(characters) > 1 else characters


def normalized(text: str) -> str:
    """``text`` in lower case and in the one spelling that all canonically equal texts share."""
    one_width = WIDTHS.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)
    composed = unicodedata.normalize("NFC", one_width).lower().replace(DOTTED_I, "i")
    return re.sub(f"[{IGNORED}]", "", composed)


@cache
def token_pattern() -> re.Pattern[str]:
    """A run of one script without spaces, or of at least two letters, digits and marks of others."""
    unspaced, marks = unspaced_letters(), combining_marks()
    letter = rf"[^\W{unspaced}]"
    return re.compile(rf"(?:[{unspaced}][{marks}]*)+|{letter}(?:{letter}+|[{marks}]+)+")


@cache
def unspaced_pattern() -> re.Pattern[str]:
    """One character of a script without spaces, with its marks."""
    return re.compile(f"[{unspaced_letters()}][{combining_marks()}]*")


@cache
def beyond_letters() -> re.Pattern[str]:
    """Any character that is not of a plain text."""
    return re.compile(f"[{unspaced_letters()}{combining_marks()}{IGNORED}\uff00-\uffefİ]")


@cache
def unspaced_letters() -> str:
    """The inside of a character class. Digits of these scripts are words like others."""
    points = (point for first, last in UNSPACED_BLOCKS for point in range(first, last + 1))
    return character_class(points, lambda character: character.isalnum() and not character.isdecimal()) + MORE_HAN


@cache
def combining_marks() -> str:
    """The inside of a character class of all marks: vowel signs, accents that were not composed, points."""
    return character_class(range(MARKS_END), lambda character: unicodedata.category(character) in MARKS)


def character_class(points: Iterable[int], belongs: Callable[[str], bool]) -> str:
    """``a-z``: ranges of those of the rising code ``points`` whose character ``belongs``."""
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges(p for p in points if belongs(chr(p))))


def ranges(points: Iterable[int]) -> Iterator[tuple[int, int]]:
    """(first, last) of each unbroken stretch of ``points``."""
    first = last = -2
    for point in points:
        if point != last + 1:
            if first >= 0:
                yield first, last
            first = point
        last = point
    if first >= 0:
        yield first, last
