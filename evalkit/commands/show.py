"""``python -m evalkit show [<run>]``: a stored run as it was printed when it was made, and its answer."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.commands.arguments import split
from evalkit.commands.json_output import FLAGS, taken, write_json
from evalkit.commands.streams import name_path
from evalkit.config import ShowConfig
from evalkit.config.compose import compose
from evalkit.config.input.words import quoted
from evalkit.errors import UserError, printable

if TYPE_CHECKING:
    from evalkit.reports.data.one_run import Judged
    from evalkit.reports.data.sentence import Sentence
    from evalkit.results.reader import StoredRun

WIDTH = 240  # where there is no terminal


def main(arguments: list[str]) -> int:
    """Print the answer, every point, and where it was made; as the last line of stdout the run's folder."""
    from evalkit.reports.data.one_run import judged_alone
    from evalkit.results.reader import find_run

    as_json, rest = taken(arguments)
    words = split("show", rest, FLAGS)
    if len(words.names) > 1:
        raise UserError(f"show takes one run, not {len(words.names)}.", "Write: python -m evalkit show [<run>].")
    config: ShowConfig = compose("show", words.settings + [f"run={quoted(name)}" for name in words.names])
    run = find_run(config.run, Path(config.results_dir))
    judged = judged_alone(run)
    if as_json:
        write_json(shape(run, judged))
    else:
        show(run, judged)
        name_path(run.folder)
    return 0


def show(run: "StoredRun", judged: "Judged") -> None:
    from rich.console import Console
    from rich.text import Text

    from evalkit.results.stored_points import points_of
    from evalkit.results.table import points_tables

    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    sentence = judged.sentence
    for line in (*sentence.lines, *other_answers(judged.others)):
        console.print(Text(printable(line)))
    if points := points_of(run):
        for table in points_tables(points, run.about["config"]["measures"], console.width, judged.intervals, rows=None):
            console.print()
            console.print(table, crop=False)
    console.print()
    for line in origin(run):
        console.print(Text(printable(line), style="dim"))


def other_answers(others: "Mapping[str, Sentence]") -> Iterator[str]:
    """A line for the answer of each other task of a run."""
    for task, sentence in others.items():
        yield f"{task}: {sentence.answer} {sentence.how_sure}".rstrip()


def origin(run: "StoredRun") -> Iterator[str]:
    """When, where and by which command a run was made."""
    about = run.about
    environment = about["environment"]
    if not about["finished"]:
        yield "It was interrupted: only its finished points are here."
    cpu, gpus = environment["cpu"], environment["gpu"]
    parts = [
        f"{cpu.get('model') or 'a CPU of unknown make'} ({cpu['logical_cores'] or '?'} cores)",
        f"{environment['ram_bytes'] / 1e9:.0f} GB",
        *(gpu["name"] for gpu in gpus),
        *(f"{name} {value}" for name in ("python", "os") if (value := environment.get(name))),
        *([f"evalkit {about['evalkit_version']}"] if about.get("evalkit_version") else []),
    ]
    yield f"Made {str(about.get('created_at') or 'at an unknown time')[:16].replace('T', ' ')} on {', '.join(parts)}"
    if about.get("command"):
        yield f"by {' '.join(about['command'])}"


def shape(run: "StoredRun", judged: "Judged") -> dict[str, Any]:
    """What ``--json`` writes; ``points`` are as in points.parquet, with the reasons of nulls."""
    from evalkit.results.task_measures import measures_of

    about = run.about
    left_out = ("laws", "proof")
    return {
        "run": run.name,
        "folder": run.folder,
        "answer": judged.sentence.answer,
        "how_sure": judged.sentence.how_sure,
        "at_size": list(judged.sentence.at_size),
        "other_answers": {task: [s.answer, s.how_sure] for task, s in judged.others.items()},
        **{name: about.get(name) for name in ("created_at", "finished", "command", "evalkit_version")},
        **{name: about[name] for name in ("environment", "models", "corpora")},
        "measures": measures_of(about),
        "points": [{key: value for key, value in p.items() if key not in left_out} for p in about["points"]],
    }
