"""``python -m evalkit compare <run> [<run>]``: two stored runs side by side, without a verdict."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.commands.arguments import split
from evalkit.commands.json_output import FLAGS, taken, write_json
from evalkit.commands.streams import name_path
from evalkit.config import CompareConfig
from evalkit.config.compose import compose
from evalkit.errors import UserError, abridged, printable

if TYPE_CHECKING:
    from evalkit.gate.comparison import Comparison

WIDTH = 160  # where there is no terminal
MOST_ROWS = 40
MOST_LINES = 20  # of what differs in config and machine, each
QUALITY_HEADER = ("setting", "measure", "first", "second", "difference [interval]", "p", "W/T/L")
FIGURES_HEADER = ("setting", "figure", "first", "second", "second is")


def main(arguments: list[str]) -> int:
    """Print what both runs measured and what differs; as the last line of stdout the second run's folder."""
    from evalkit.gate.comparison import compare as compared
    from evalkit.results.reader import find_run

    as_json, rest = taken(arguments)
    words = split("compare", rest, FLAGS)
    if not 1 <= len(words.names) <= 2:
        problem = f"compare takes one run or two, not {len(words.names)}."
        raise UserError(problem, "Write: python -m evalkit compare <run> [<run>]; the second is the newest by default.")
    config: CompareConfig = compose("compare", words.settings)
    results_dir = Path(config.results_dir)
    first, second = (find_run(name, results_dir) for name in (*words.names, None)[:2])
    comparison = compared(config, first, second)
    if as_json:
        write_json(comparison)
    else:
        show(comparison)
        name_path(second.folder)
    return 0


def show(comparison: "Comparison") -> None:
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    for line in heading(comparison):
        console.print(Text(printable(line)))
    for header, rows in (
        (QUALITY_HEADER, list(quality_rows(comparison))),
        (FIGURES_HEADER, list(figure_rows(comparison))),
    ):
        table = Table(*(Column(name, overflow="fold") for name in header), header_style="bold")
        for row in rows[:MOST_ROWS]:
            table.add_row(*(Text(printable(cell)) for cell in row))
        if rows:
            console.print(table)
        if len(rows) > MOST_ROWS:
            console.print(Text(f"{len(rows) - MOST_ROWS:,} more rows are in --json", style="dim"))
    for line in what_differs(comparison):
        console.print(Text(printable(line)))


def heading(comparison: "Comparison") -> Iterator[str]:
    from evalkit.results.percent import percent

    yield f"first: {comparison.first}"
    yield f"second: {comparison.second}"
    yield (
        f"differences are second minus first; {percent(1 - comparison.alpha)} BCa intervals, each for itself; p of no "
        f"difference, two-sided, adjusted for all {len(comparison.quality):,} comparisons at once"
    )


def quality_rows(comparison: "Comparison") -> Iterator[tuple[str, ...]]:
    """Those of the smallest p first where not all can be shown."""
    quality = list(comparison.quality)
    if len(quality) > MOST_ROWS:
        quality.sort(key=lambda d: (d.p, -abs(d.difference)))
    for d in quality:
        interval = f"{d.difference:+.4f} [{d.low:+.4f}, {d.high:+.4f}]"
        counts = f"{d.wins}/{d.ties}/{d.losses}"
        yield d.setting, d.measure, f"{d.first:.4f}", f"{d.second:.4f}", interval, f"{d.p:.4f}", counts


def figure_rows(comparison: "Comparison") -> Iterator[tuple[str, ...]]:
    """Figures that both have; the ratio only where the two can be compared."""
    from evalkit.results.columns import column
    from evalkit.results.in_words import figure

    for f in comparison.figures:
        if f.baseline is None and f.candidate is None:
            continue
        before, after = ("–" if v is None else figure(f.column, v) for v in (f.baseline, f.candidate))
        is_rate = column(f.column).higher_is_better
        ratio = None if f.worsening is None else 1 / f.worsening if is_rate else f.worsening
        yield f.pair, f.column, before, after, f.not_compared if ratio is None else f"{ratio:.2f} ×"


def what_differs(comparison: "Comparison") -> Iterator[str]:
    for title, lines in (
        ("also different", list(comparison.settings)),
        ("not compared", list(comparison.alone)),
        ("config", list(changes(comparison.config))),
        ("machine", list(changes(comparison.machine))),
    ):
        if not lines:
            continue
        yield f"{title}:"
        yield from (f"  {line}" for line in lines[:MOST_LINES])
        if len(lines) > MOST_LINES:
            yield f"  and {len(lines) - MOST_LINES:,} more, which --json has"


def changes(values: Mapping[str, Sequence[Any]]) -> Iterator[str]:
    for name, (before, after) in values.items():
        yield f"{name}: {abridged(str(before), 60)} → {abridged(str(after), 60)}"
