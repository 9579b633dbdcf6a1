"""``python -m evalkit export [<run>]``: a stored run as TREC run files, MTEB-style results, and texts to paste."""

import re
from pathlib import Path

from evalkit.commands.arguments import split
from evalkit.commands.streams import name_path
from evalkit.config import ExportConfig
from evalkit.config.compose import compose
from evalkit.config.input.words import quoted
from evalkit.errors import UserError, did_you_mean, say


def main(arguments: list[str]) -> int:
    """Write the exports, and as the last line of stdout the folder that holds them."""
    from evalkit.recipes.export import export_ddl
    from evalkit.results.exports import EXPORTERS
    from evalkit.results.reader import find_run
    from evalkit.results.writer import remove_unfinished

    exporters = {**EXPORTERS, "ddl": export_ddl}

    words = split("export", arguments)
    if len(words.names) > 1:
        raise UserError(f"export takes one run, not {len(words.names)}.", "Write: python -m evalkit export [<run>].")
    settings = [re.sub(r"^format=(\w+)$", r"formats=[\1]", setting) for setting in words.settings]
    config: ExportConfig = compose("export", settings + [f"run={quoted(name)}" for name in words.names])
    if not config.formats:
        raise UserError("formats=[] leaves nothing to write.", f"Known: {', '.join(sorted(exporters))}.")
    for name in config.formats:
        if name not in exporters:
            raise UserError(f"there is no export format '{name}'.", did_you_mean(name, exporters))
    remove_unfinished(Path(config.results_dir))
    run = find_run(config.run, Path(config.results_dir))
    folder = Path(config.output_dir) if config.output_dir else exports_of(run.folder)
    for name in config.formats:
        files = sum(1 for _ in exporters[name](run, folder / name))
        say(f"{name}: {files} files in {folder / name}")
    name_path(folder)
    return 0


def exports_of(run: Path) -> Path:
    """Where exports of a run lie unless said otherwise. Raises UserError where a link in there leads elsewhere."""
    folder = run / "exports"
    for path in (folder, *folder.rglob("*")):
        if path.is_symlink():
            raise UserError(f"{path} is a link: exports would be written elsewhere.", "Say where: output_dir=<folder>.")
    return folder
