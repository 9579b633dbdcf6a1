"""``python -m evalkit export [<run>]``: a stored run as TREC run files and MTEB-style results."""

from pathlib import Path

from evalkit.commands.arguments import split
from evalkit.commands.streams import name_path
from evalkit.config import ExportConfig
from evalkit.config.compose import compose
from evalkit.config.words import quoted
from evalkit.errors import UserError, did_you_mean, say


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
    folder = Path(config.output_dir) if config.output_dir else exports_of(run.folder)
    for name in config.formats:
        files = sum(1 for _ in EXPORTERS[name](run, folder / name))
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
