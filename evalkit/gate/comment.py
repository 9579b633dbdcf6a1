"""A decision as gate.md: a comment on a pull request that fits what GitHub takes."""

from collections.abc import Sequence

from evalkit.errors import abridged
from evalkit.formats.media import markdown as literally
from evalkit.gate.answer import title, verdict_line
from evalkit.gate.decision import Decision, Verdict
from evalkit.gate.fitting import Part, fitted
from evalkit.gate.telling import worst_quality_first, worst_resources_first
from evalkit.gate.words import (
    QUALITY_HEADER,
    QUERIES_HEADER,
    RESOURCE_HEADER,
    notes,
    quality_caption,
    quality_cells,
    query_cells,
    resource_cells,
    within_limits,
)
from evalkit.results.markdown import table

MARKS = {Verdict.PASS: "✅", Verdict.REGRESSION: "❌", Verdict.NOT_COMPARABLE: "⛔", Verdict.INCONCLUSIVE: "❓"}
MORE_QUALITY = "{} more comparisons, less telling than these, are in gate.json"
COMMENT_BYTES = 64_000  # GitHub takes 65,536 characters, and a workflow may put a line of its own around
LEAST_BYTES = 32_000  # for the lines around the rows, whatever names they have
MOST_ROWS = 40  # of a table
MOST_IN_CELL, MOST_IN_TITLE, MOST_IN_NOTE = 200, 300, 1_000  # characters
END_OF_FOLD = ("", "</details>")


def markdown(decision: Decision, most_bytes: int = COMMENT_BYTES) -> str:
    """A pull-request comment: what changed, verdict, what to do and reasons open, tables and queries behind a fold.

    It takes at most ``most_bytes`` of UTF-8 (32,000 or more). Where it would take more, whole rows are left out, the
    worst stay, and how many are missing is said.
    """
    parts = [of_notes(decision)]
    if decision.quality:
        parts.append(of_quality(decision))
    if decision.resources:
        parts.append(of_resources(decision))
    if any(q.worst or q.best for q in decision.quality):
        parts.append(of_queries(decision))
    return fitted(parts, most_bytes)


def of_notes(decision: Decision) -> Part:
    heading = f"## {MARKS[decision.verdict]} {literally(abridged(title(decision), MOST_IN_TITLE))}"
    answer = f"**{literally(abridged(verdict_line(decision), MOST_IN_NOTE))}**"
    rows = [f"- {literally(abridged(note, MOST_IN_NOTE))}" for note in notes(decision)]
    return Part(rows, opening=(heading, "", answer, ""), left_out="- and {} more notes, of what is in gate.json")


def of_quality(decision: Decision) -> Part:
    cells = [quality_cells(q, decision.policy) for q in decision.quality]
    caption = f"**Quality** ({quality_caption(decision)})"
    return of_table(("", caption), QUALITY_HEADER, cells, (), MORE_QUALITY, worst_quality_first(decision))


def of_resources(decision: Decision) -> Part:
    cells = [resource_cells(r) for r in decision.resources]
    more = "{} more figures, less telling than these, are in gate.json"
    opening, worst_first = folded(f"Speed, memory and size: {within_limits(decision)}"), worst_resources_first(decision)
    return of_table(opening, RESOURCE_HEADER, cells, END_OF_FOLD, more, worst_first)


def of_queries(decision: Decision) -> Part:
    """Of each of the most telling comparisons the queries that changed most."""
    results = [decision.quality[i] for i in worst_quality_first(decision)]
    cells = [query_cells(q, change) for q in results for change in (*q.worst, *reversed(q.best))]
    shown = sum(len(q.worst) + len(q.best) for q in results[: MOST_ROWS // 4])
    more = "{} more changed queries are in gate.json"
    return of_table(folded("Queries that changed most"), QUERIES_HEADER, cells, END_OF_FOLD, more, most_rows=shown)


def of_table(
    opening: Sequence[str],
    header: Sequence[str],
    cells: Sequence[Sequence[str]],
    closing: Sequence[str],
    left_out: str,
    worst_first: Sequence[int] | None = None,
    most_rows: int = MOST_ROWS,
) -> Part:
    lines = list(table(header, ([abridged(cell, MOST_IN_CELL) for cell in row] for row in cells)))
    top, rows = lines[:2], lines[2:]
    return Part(rows, (*opening, "", *top), closing, worst_first, f"\n{left_out}", most_rows)


def folded(title: str) -> tuple[str, ...]:
    return "", f"<details><summary>{title}</summary>"
