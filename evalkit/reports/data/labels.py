"""Short names that no two things share: a name, and behind it the parts in which its namesakes differ."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from evalkit.formats.media import one_line

SEPARATOR = " · "
OR = " or "
LONGEST = 24

Words = Callable[[Any], str]


def labels(names: pd.Series, parts: pd.DataFrame, words: Mapping[str, Words], last: Sequence[str] = ()) -> pd.Series:
    """``names``, each followed by the words for those columns of ``parts`` in which it differs from its namesakes.

    The columns that are ``last`` are named only where a label would still stand for several things. Different rows of
    names and parts never get the same label, whatever is written in them: line ends and control characters are escaped.
    """
    named = names.map(one_line)
    for column in words:
        if parts[column].nunique(dropna=False) == 1:
            continue
        namesakes = named if column in last else names
        differ = parts[column].groupby(namesakes).transform("nunique", dropna=False) > 1
        named = named.where(~differ, named + SEPARATOR + distinct(parts[column], words[column]))
    things = list(zip(names, *(parts[column] for column in words), strict=True))
    while named.nunique() < len(set(things)):
        labelled = pd.Series(list(zip(named, things, strict=True)), index=names.index)
        named = distinct(labelled, lambda thing: str(thing[0]))
    return named


def distinct(values: pd.Series, words: Words) -> pd.Series:
    """``words`` of each value; those of different values that read alike get a letter: A for the first, B …"""
    alike: dict[str, list[Any]] = {}
    for value in dict.fromkeys(values):
        alike.setdefault(one_line(words(value)), []).append(value)
    named = {
        value: text if len(alike[text]) == 1 else f"{text} {letters(number)}"
        for text, several in alike.items()
        for number, value in enumerate(several)
    }
    return pd.Series([named[value] for value in values], index=values.index)


def letters(number: int) -> str:
    """0 → A, 25 → Z, 26 → AA, as spreadsheets count their columns."""
    rest, last = divmod(number, 26)
    return (letters(rest - 1) if rest else "") + chr(ord("A") + last)


def quoted(text: str) -> str:
    """``text`` in double quotes, on one line, cut after 24 characters; what can't be printed is escaped."""
    shown = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    return f'"{one_line(shown)}"'


def short(text: str) -> str:
    """The first characters of a long revision, digest or fingerprint, or of several; other words as they are."""
    parts = (
        part.removeprefix("sha256:")[:7] if " " not in part and len(part) > 16 else part for part in text.split(OR)
    )
    return OR.join(parts)
