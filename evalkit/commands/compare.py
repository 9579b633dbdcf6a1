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
    from evalkit.gate.resources import ResourceResult

WIDTH = 160  # where there is no terminal
MOST_ROWS = 40
MOST_LINES = 12  # of each thing that differs
MOST_OF_VALUE = 60  # characters
QUALITY_HEADER = ("setting", "measure", "first", "second", "difference [interval]", "p", "W/T/L")


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
    rows = list(quality_rows(comparison))
    table = Table(*(Column(name, overflow="fold") for name in QUALITY_HEADER), header_style="bold")
    for row in rows[:MOST_ROWS]:
        table.add_row(*(Text(printable(cell)) for cell in row))
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


def figure_lines(comparison: "Comparison") -> Iterator[str]:
    """``index_bytes: 0.42 – 0.55 × the first, in 8 settings``; of one setting both values."""
    by_column: dict[str, list[ResourceResult]] = {}
    for result in comparison.figures:
        if result.baseline is not None or result.candidate is not None:
            by_column.setdefault(result.column, []).append(result)
    for name, results in by_column.items():
        compared = [result for result in results if result.worsening is not None]
        if not compared:
            yield f"{name}: {results[0].not_compared}"
        elif len(compared) == 1:
            yield f"{name}: {both(compared[0])}, {times(compared)} the first"
        else:
            yield f"{name}: {times(compared)} the first, in {len(compared):,} settings"


def both(result: "ResourceResult") -> str:
    from evalkit.results.in_words import figure

    values = (result.baseline, result.candidate)
    return " → ".join("–" if value is None else figure(result.column, value) for value in values)


def times(results: Sequence["ResourceResult"]) -> str:
    """How many times the first's figure the second's is: least to most."""
    ratios = sorted((r.candidate or 0.0) / (r.baseline or 1.0) for r in results)
    least, most = f"{ratios[0]:.2g}", f"{ratios[-1]:.2g}"
    return f"{least} ×" if least == most else f"{least} – {most} ×"


def what_differs(comparison: "Comparison") -> Iterator[str]:
    for title, lines in (
        ("figures", list(figure_lines(comparison))),
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
        yield f"{name}: {shown(before)} → {shown(after)}"


def shown(value: Any) -> str:
    return "not set" if value is None else "''" if value == "" else abridged(str(value), MOST_OF_VALUE)
