"""``python -m evalkit list``: the stored runs in two lines each, the newest first, and what can't be read."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.commands.arguments import refuse_names, split
from evalkit.commands.json_output import FLAGS, taken, write_json
from evalkit.commands.streams import name_path
from evalkit.config import ListConfig
from evalkit.config.compose import compose
from evalkit.errors import UserError, printable, say
from evalkit.results.in_words import SEPARATOR

if TYPE_CHECKING:
    from evalkit.results.listing import Listed

WIDTH = 200  # where there is no terminal


def main(arguments: list[str]) -> int:
    """Print the runs; as the last line of stdout the folder that holds them. Damaged ones are told on stderr."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

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
    for run in runs:
        if not run.problem:
            console.print(Text(printable(f"baseline {run.name}" if run.is_baseline else run.name), style="bold"))
            console.print(Padding(Text(printable(SEPARATOR.join(facts(run)))), (0, 0, 0, 2)))
    name_path(results_dir)
    return 0


def facts(run: "Listed") -> Iterator[str]:
    """When a run was made, of which models, how many points it has, the best of them, and whether it is whole."""
    yield run.created_at[:16].replace("T", " ")
    yield ", ".join(model.rpartition("/")[2] for model in run.models)
    yield f"{run.points:,} point{'s' * (run.points != 1)}"
    yield best(run.measure, run.best)
    for measure, means in run.others.items():
        yield best(measure, means)
    if not run.finished:
        yield "interrupted"


def best(measure: str, best_of: Mapping[str, float | None]) -> str:
    """``nDCG@10 0.5040 cranfield, 0.9706 xquad-en``."""
    means = (f"{'–' if mean is None else f'{mean:.4f}'} {corpus}" for corpus, mean in best_of.items())
    return f"{measure} {', '.join(means)}" if best_of else "–"
