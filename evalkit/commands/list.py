"""``python -m evalkit list``: the stored runs in one line each, the newest first, and what can't be read."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.commands.arguments import refuse_names, split
from evalkit.commands.json_output import FLAGS, taken, write_json
from evalkit.commands.streams import name_path
from evalkit.config import ListConfig
from evalkit.config.compose import compose
from evalkit.errors import UserError, printable, say

if TYPE_CHECKING:
    from evalkit.results.listing import Listed

WIDTH = 200  # where there is no terminal


def main(arguments: list[str]) -> int:
    """Print the runs; as the last line of stdout the folder that holds them. Damaged ones are told on stderr."""
    from rich.console import Console

    from evalkit.results.listing import listed

    as_json, rest = taken(arguments)
    words = split("list", rest, FLAGS)
    refuse_names("list", words.names)
    config: ListConfig = compose("list", words.settings)
    results_dir = Path(config.results_dir)
    runs = listed(results_dir)
    if not runs:
        raise UserError(f"{results_dir} holds no run.", "Make one: python -m evalkit.")
    for run in runs:
        if run.problem:
            say(f"evalkit: {run.name} can't be read: {run.problem}")
    if as_json:
        write_json(runs)
        return 0
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    console.print(runs_table(runs))
    name_path(results_dir)
    return 0


def runs_table(runs: Sequence["Listed"]) -> Any:
    """One row per run that can be read."""
    from rich.table import Table
    from rich.text import Text

    table = Table(header_style="bold")
    for name in ("run", "made", "model", "points", "best quality", "state"):
        table.add_column(name, justify="right" if name == "points" else "left", overflow="fold")
    for run in runs:
        if run.problem:
            continue
        name = f"baseline {run.name}" if run.is_baseline else run.name
        models = ", ".join(model.rpartition("/")[2] for model in run.models)
        state = "finished" if run.finished else "interrupted"
        made = run.created_at[:16].replace("T", " ")
        table.add_row(
            Text(printable(name)),
            Text(printable(made)),
            Text(printable(models)),
            f"{run.points:,}",
            Text(printable(best(run))),
            state,
        )
    return table


def best(run: "Listed") -> str:
    """``nDCG@10 0.5040 cranfield, 0.9706 xquad-en``."""
    means = (f"{'–' if mean is None else f'{mean:.4f}'} {corpus}" for corpus, mean in run.best.items())
    return f"{run.measure} {', '.join(means)}" if run.best else "–"
