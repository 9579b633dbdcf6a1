"""``python -m evalkit baseline accept [<run>]``: keep a run as the baseline that later ones are gated against."""

from pathlib import Path

from evalkit.commands.arguments import split
from evalkit.commands.gate import finished
from evalkit.commands.streams import name_path
from evalkit.config import BaselineConfig
from evalkit.config.compose import compose
from evalkit.config.input.words import quoted
from evalkit.errors import UserError, say

ACCEPT = "accept"


def main(arguments: list[str]) -> int:
    """Write the baseline, and as the last line of stdout its folder."""
    from evalkit.results.baselines import TABLES, accept
    from evalkit.results.busy import busy_timings
    from evalkit.results.reader import BASELINES, find_run
    from evalkit.results.writer import remove_unfinished

    words = split("baseline", arguments)
    verb, runs = words.names[:1], words.names[1:]
    if verb != (ACCEPT,) or len(runs) > 1:
        raise UserError(
            "baseline needs a verb and at most one run.", "Write: python -m evalkit baseline accept [<run>]."
        )
    config: BaselineConfig = compose("baseline", words.settings + [f"run={quoted(name)}" for name in runs])
    is_plain = bool(config.name) and config.name.isprintable() and not config.name.startswith(".")
    if not is_plain or Path(config.name).name != config.name:
        raise UserError(f"name={config.name} is no folder name.", "Give a plain name, as in name=main.")
    remove_unfinished(Path(config.results_dir))
    run = finished(find_run(config.run, Path(config.results_dir)))
    for name in TABLES:
        run.table(name)  # which raises UserError where it is damaged, or no table at all
    if (busy := busy_timings(run.about)) and not config.allow_busy:
        raise UserError(
            f"{run.name} was timed on a busy machine ({busy[0]}): its speed and costs are no baseline.",
            "Run it again when the machine is quiet, or accept its timings all the same: allow_busy=true.",
        )
    folder = Path(config.results_dir) / BASELINES / config.name
    accept(run.folder, folder)
    size = sum(file.stat().st_size for file in folder.iterdir())
    say(f"{run.name} is the baseline '{config.name}' now ({size / 1e6:.2f} MB); commit that folder")
    name_path(folder)
    return 0
