"""``python -m evalkit store``: what embeddings are kept, whether they are whole, and making room."""

import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from evalkit.commands.arguments import refuse_names, split
from evalkit.commands.door import BAD_INPUT, fail
from evalkit.commands.streams import name_path
from evalkit.config import StoreCommandConfig
from evalkit.config.compose import compose
from evalkit.errors import UserError, printable, say

if TYPE_CHECKING:
    from evalkit.embeddings.inventory import Item

KEY_COLUMNS = ("model", "revision", "side", "runtime", "precision", "max_length")


def main(arguments: list[str]) -> int:
    """List the entries; with ``verify=true`` check them, with a limit remove some. Exit code 2 if any is damaged."""
    from rich.console import Console

    from evalkit.embeddings.inventory import damaged, inventory, prune
    from evalkit.embeddings.store import EmbeddingStore

    words = split("store", arguments)
    refuse_names("store", words.names)
    config: StoreCommandConfig = compose("store", words.settings)
    for name, value in (("older_than_days", config.older_than_days), ("max_gb", config.max_gb)):
        if value is not None and not 0 <= value < math.inf:
            raise UserError(f"{name}={value} is not possible.", "Give 0 or more.")
    store = EmbeddingStore(config.path)
    if config.path and not store.path.is_dir():
        raise UserError(f"path={config.path} is no folder.", "Leave it out for the user's cache folder.")
    removed = prune(store, config.older_than_days, gigabytes(config.max_gb))
    for item in removed:
        say(f"removed {item.name} ({item.size_bytes:,} bytes)")
    items = inventory(store)
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(inventory_table(items))
    bad = [item.name for item in items if config.verify and damaged(store, item)]
    for name in bad:
        say(f"evalkit: {name} is damaged; the next run that needs it encodes the damaged part again")
    if config.verify and not bad:
        say(f"all {sum(i.finished for i in items)} finished entries are whole")
    name_path(store.path)
    return fail(f"{len(bad)} damaged", BAD_INPUT) if bad else 0


def inventory_table(items: "Sequence[Item]") -> Any:
    """One row per entry, last used first."""
    from rich.filesize import decimal
    from rich.table import Table
    from rich.text import Text

    table = Table(header_style="bold")
    for name in ("entry", *KEY_COLUMNS, "texts", "size", "unused for", "state"):
        is_number = name in ("texts", "size", "unused for")
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for item in items:
        key = (Text(printable(str(item.key.get(column, "–")), 48)) for column in KEY_COLUMNS)
        state = "whole" if item.finished else "unfinished"
        days = f"{item.unused_seconds / 86_400:.1f} days"
        table.add_row(Text(printable(item.name)), *key, f"{item.texts:,}", decimal(item.size_bytes), days, state)
    return table


def gigabytes(value: float | None) -> int | None:
    return None if value is None else int(value * 1e9)
