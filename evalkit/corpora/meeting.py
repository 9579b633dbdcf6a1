"""Do the ids of the judgments meet those of the texts? Where none does, no figure would mean anything."""

import unicodedata
from collections.abc import Callable, Collection, Iterable
from itertools import islice

from evalkit.errors import UserError, abridged

SHOWN, MOST_CHARACTERS = 3, 60  # of an id
LOOKED_AT = 1000
LARGE_SHARE = 0.2
SWAPPED = "their columns: queries stand where documents should, and documents where queries should"

CAUSES: dict[str, Callable[[str], str]] = {
    "spaces around them": str.strip,
    "characters that are not seen (zero-width spaces, byte-order marks)": lambda id_: "".join(
        c for c in id_ if unicodedata.category(c) not in ("Cf", "Cc")
    ),
    "composed and decomposed characters (NFC, NFD)": lambda id_: unicodedata.normalize("NFC", id_),
    "upper and lower case": str.casefold,
    "leading zeros that were lost": lambda id_: id_.lstrip("0") or "0",
    "numbers that became decimals (1.0 for 1)": lambda id_: id_.removesuffix(".0"),
    "a file's suffix or a folder before them": lambda id_: id_.rpartition("/")[2].partition(".")[0],
}


def refuse_strangers(
    corpus: str, what: str, judged: Collection[str], known: Collection[str], is_swapped: bool = False
) -> None:
    """Raises UserError where none of the ``judged`` ids of ``what`` (documents or queries) is among ``known``.

    ``is_swapped`` says that judged queries are documents, and judged documents queries.
    """
    if not judged or any(id_ in known for id_ in judged):
        return
    cause = SWAPPED if is_swapped else likely_cause(judged, known)
    raise UserError(
        f"corpus '{corpus}': none of {len(judged):,} judged {what} is among the {len(known):,} {what}. "
        f"Judged are {shown(judged)}; there are {shown(known)}.",
        f"They seem to differ in {cause}." if cause else "Are the judgments of this collection, and of this split?",
    )


def likely_cause(strangers: Collection[str], known: Collection[str]) -> str | None:
    """What at least half of the ``strangers`` have too much, or the ``known`` have; null where nothing explains them.

    What both sides have explains nothing: ``12.3`` isn't ``12.9`` without its suffix.
    """
    looked_at = list(islice(strangers, LOOKED_AT))
    asked = set(looked_at)
    for cause, plain in CAUSES.items():
        plain_known = {id_ for id_ in map(plain, known) if id_ in asked}
        if 2 * sum(plain(id_) in known or id_ in plain_known for id_ in looked_at) >= len(looked_at):
            return cause
    return None


def are_mostly(ids: Collection[str], known: Collection[str]) -> bool:
    """Whether at least half of ``ids`` are among ``known``."""
    return 2 * sum(id_ in known for id_ in ids) >= len(ids)


def shown(ids: Iterable[str]) -> str:
    """The first few, written so that every difference is seen."""
    return ", ".join(abridged(ascii(id_), MOST_CHARACTERS) for id_ in islice(ids, SHOWN))
