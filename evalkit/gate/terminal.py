"""A decision for the terminal: the answer, then tables that fit its width, then what else must be known."""

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from evalkit.errors import abridged, printable
from evalkit.gate.answer import title, verdict_line
from evalkit.gate.decision import Decision, Verdict
from evalkit.gate.quality import QueryChange
from evalkit.gate.telling import worst_quality_first, worst_resources_first
from evalkit.gate.words import (
    QUALITY_HEADER,
    RESOURCE_HEADER,
    notes,
    quality_caption,
    quality_cells,
    resource_cells,
    within_limits,
)

COLORS = {
    Verdict.PASS: "green",
    Verdict.REGRESSION: "red",
    Verdict.NOT_COMPARABLE: "red",
    Verdict.INCONCLUSIVE: "yellow",
}
LEAVE_OUT = ("detectable", "difference [interval]", "W/T/L", "measure", "limit", "p")  # the first one first
WRAPPED = ("setting", "query", "text")  # words; every other column holds figures, which stay whole
LEAST_WRAPPED = 16  # columns of the terminal
MOST_ROWS = 12  # the others are in gate.md
MOST_QUERIES, MOST_OF_TEXT = 5, 100  # characters
PADDING = 3  # of a column, its border included

Row = Sequence[str]


def show(decision: Decision, console: Console) -> None:
    """Everything that a reader of a terminal needs, the answer first."""
    console.print(Text(printable(title(decision)), style="bold"))
    console.print(Text(printable(verdict_line(decision)), style=f"bold {COLORS[decision.verdict]}"))
    for table in tables(decision, console.width):
        console.print(table)
    for line in lines(decision):
        console.print(Text(printable(line)))


def lines(decision: Decision) -> Iterator[str]:
    if decision.quality:
        yield quality_caption(decision)
    if words := within_limits(decision):
        yield f"speed, memory and size: {words}"
    yield from notes(decision)
    left = max(0, len(decision.quality) - MOST_ROWS)
    if left:
        yield f"{left:,} more comparisons, less telling than these, are in gate.md and gate.json"


def tables(decision: Decision, width: int) -> Iterator[Table]:
    """Quality, the worst first; figures beyond their limits; the queries that changed most in the worst comparison."""
    quality = [decision.quality[place] for place in worst_quality_first(decision)[:MOST_ROWS]]
    resources = [decision.resources[place] for place in worst_resources_first(decision)]
    beyond = [r for r in resources if r.exceeds][:MOST_ROWS]
    if quality:
        rows = [quality_cells(q, decision.policy) for q in quality]
        yield fitting_table(QUALITY_HEADER, rows, [q.drop_is_shown for q in quality], width)
    if beyond:
        yield fitting_table(RESOURCE_HEADER, [resource_cells(r) for r in beyond], [True] * len(beyond), width)
    if quality and quality[0].drop_is_shown and quality[0].worst:
        rows = list(map(query_row, quality[0].worst[:MOST_QUERIES]))
        yield fitting_table(("query", "before", "after", "text"), rows, [False] * len(rows), width)


def query_row(change: QueryChange) -> tuple[str, ...]:
    scores = f"{change.baseline:.3f}", f"{change.candidate:.3f}"
    return change.query_id, *scores, abridged(change.text or "", MOST_OF_TEXT)


def fitting_table(header: Row, rows: Sequence[Row], are_bad: Sequence[bool], width: int) -> Table:
    """``rows`` in at most ``width`` columns of the terminal: less telling figures are left out, words are wrapped."""
    kept = kept_columns(header, rows, width)
    room = width - 1 - sum(needed(header, rows, place) for place in kept if header[place] not in WRAPPED)
    words = [place for place in kept if header[place] in WRAPPED]
    table = Table(header_style="bold")
    for place in kept:
        is_text = place in words
        share = shared(room, [needed(header, rows, word) for word in words], words.index(place)) if is_text else None
        table.add_column(
            Text(printable(header[place])),
            overflow="fold",
            max_width=share,
            no_wrap=not is_text,
            justify="left" if is_text or header[place] == "change" else "right",
        )
    for row, is_bad in zip(rows, are_bad, strict=True):
        style = "bold red" if is_bad else ""
        table.add_row(*(Text(printable(abridged(row[place], 200))) for place in kept), style=style)
    return table


def shared(room: int, wishes: Sequence[int], place: int) -> int:
    """The columns of the terminal for one of several columns of words: what it needs, or a share of ``room``."""
    short = [wish for wish in wishes if wish <= room // len(wishes)]
    others = len(wishes) - len(short)
    wish = wishes[place]
    return max((wish if wish in short else (room - sum(short)) // others) - PADDING, 1)


def kept_columns(header: Row, rows: Sequence[Row], width: int) -> list[int]:
    """The places of the columns that fit; those of words may be as narrow as ``LEAST_WRAPPED``, empty ones are left."""
    kept = [place for place in range(len(header)) if any(row[place] for row in rows)]

    def least(place: int) -> int:
        wish = needed(header, rows, place)
        return min(wish, LEAST_WRAPPED + PADDING) if header[place] in WRAPPED else wish

    for name in LEAVE_OUT:
        if sum(map(least, kept)) + 1 <= width:
            break
        kept = [place for place in kept if header[place] != name]
    return kept


def needed(header: Row, rows: Sequence[Row], place: int) -> int:
    return max(cell_len(printable(text)) for text in (header[place], *(row[place] for row in rows))) + PADDING
