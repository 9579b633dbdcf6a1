"""The tables of columns in results/README.md, made from their declarations.

``python -m evalkit.results.readme results/README.md`` renews them.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from evalkit.results.column import Column
from evalkit.results.columns import FIGURES
from evalkit.results.record import POINT_FACTS
from evalkit.results.setting import ABOUT

BEGIN, END = "<!-- columns: made by python -m evalkit.results.readme results/README.md -->", "<!-- columns end -->"
DIRECTIONS = {True: "higher", False: "lower", None: ""}
BY_STAGE = {
    "first": "that of the search",
    "added": "the sum",
    "largest": "the larger",
    "rate": "one after the other",
    "again": "worked out anew",
    "dropped": "none",
}


def main(files: list[str]) -> int:
    """Renew the tables in each of ``files``, or print them where none is named."""
    for name in files:
        file = Path(name)
        file.write_text(renewed(file.read_text(encoding="utf-8")), encoding="utf-8")
    if not files:
        sys.stdout.write("\n".join(tables()) + "\n")
    return 0


def renewed(text: str) -> str:
    """``text`` with today's tables between the two marks. Raises ValueError where one of them is missing."""
    before, old = text.split(f"{BEGIN}\n")
    _, after = old.split(f"{END}\n")
    return "\n".join((before + BEGIN, *tables(), END + "\n")) + after


def tables() -> Iterator[str]:
    """The lines of both tables: what a point is, and what was measured there."""
    yield from ("", "| column of the setting | what it says |", "|---|---|")
    yield from (f"| `{name}` | {about} |" for name, about in {**ABOUT, **POINT_FACTS}.items())
    yield from (
        "",
        "| figure | unit | better | what it is | null where | behind a stage |",
        "|---|---|---|---|---|---|",
    )
    yield "| a measure (`nDCG@10`) | | higher | mean over the judged queries | | worked out anew |"
    yield from map(row, FIGURES.values())
    yield ""


def row(column: Column) -> str:
    cells = (
        f"`{column.name}`",
        column.unit,
        DIRECTIONS[column.higher_is_better],
        column.about + depends_on(column),
        column.why_null,
        BY_STAGE[column.by_stage],
    )
    return f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |")


def depends_on(column: Column) -> str:
    """What must be equal where two runs' figures are compared."""
    conditions = {"machine": column.of_machine, "`serve_k`": column.of_search, "workload": column.of_workload}
    named = [name for name, holds in conditions.items() if holds]
    return f" (same {', '.join(named)})" if named else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
