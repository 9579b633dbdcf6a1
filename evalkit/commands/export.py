"""``python -m evalkit export [<run>]``: a stored run as TREC run files and MTEB-style results."""

import sys
from pathlib import Path

from evalkit.commands.arguments import split
from evalkit.config import ExportConfig
from evalkit.config.compose import compose
from evalkit.config.words import quoted
from evalkit.errors import UserError, did_you_mean


def main(arguments: list[str]) -> int:
    """Write the exports, and as the last line of stdout the folder that holds them."""
    from evalkit.results.exports import EXPORTERS
    from evalkit.results.reader import find_run
    from evalkit.results.writer import remove_unfinished

    words = split("export", arguments)
    if len(words.names) > 1:
        raise UserError(f"export takes one run, not {len(words.names)}.", "Write: python -m evalkit export [<run>].")
    config: ExportConfig = compose("export", words.settings + [f"run={quoted(name)}" for name in words.names])
    if not config.formats:
        raise UserError("formats=[] leaves nothing to write.", f"Known: {', '.join(sorted(EXPORTERS))}.")
    for name in config.formats:
        if name not in EXPORTERS:
            raise UserError(f"there is no export format '{name}'.", did_you_mean(name, EXPORTERS))
    remove_unfinished(Path(config.results_dir))
    run = find_run(config.run, Path(config.results_dir))
    folder = Path(config.output_dir) if config.output_dir else run.folder / "exports"
    for name in config.formats:
        files = sum(1 for _ in EXPORTERS[name](run, folder / name))
        sys.stderr.write(f"{name}: {files} files in {folder / name}\n")
    sys.stdout.write(f"{folder}\n")
    return 0
