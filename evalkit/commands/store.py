"""``python -m evalkit store``: what embeddings are kept, whether they are whole, and making room."""

import sys
from collections.abc import Container, Sequence
from typing import TYPE_CHECKING, Any

from evalkit.commands.arguments import refuse_names, split
from evalkit.commands.door import BAD_INPUT, fail
from evalkit.commands.streams import name_path
from evalkit.config import StoreCommandConfig
from evalkit.config.compose import compose
from evalkit.errors import UserError, printable, say

if TYPE_CHECKING:
    from evalkit.embeddings.inventory import Item

MADE_AGAIN = "the next run that needs it encodes the damaged part again"
KEY_COLUMNS = ("model", "revision", "side", "runtime", "precision", "max_length")


def main(arguments: list[str]) -> int:
    """List the entries; with ``verify=true`` check them, with a limit remove some. Exit code 2 if any is damaged."""
    from rich.console import Console

    from evalkit.embeddings.entries.leftovers import remove_leftovers
    from evalkit.embeddings.inventory import damage, inventory
    from evalkit.embeddings.pruning import prune
    from evalkit.embeddings.store import EmbeddingStore

    words = split("store", arguments)
    refuse_names("store", words.names)
    config: StoreCommandConfig = compose("store", words.settings)
    store = EmbeddingStore(config.path)
    if config.path and not store.path.is_dir():
        raise UserError(f"path={config.path} is no folder.", "Leave it out for the user's cache folder.")
    remove_leftovers(store.path)
    pruned = prune(store, config.older_than_days, gigabytes(config.max_gb))
    for item in pruned.removed:
        say(f"removed {item.name} ({item.size_bytes:,} bytes)")
    if pruned.in_use:
        in_use = sum(item.size_bytes for item in pruned.in_use)
        stay = "1 entry stays" if len(pruned.in_use) == 1 else f"{len(pruned.in_use)} entries stay"
        say(f"{stay} ({in_use:,} bytes): in use by other processes")
    items = inventory(store)
    bad = {item.name: why for item in items if config.verify and (why := damage(store, item))}
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(inventory_table(items, bad))
    for name, why in bad.items():
        say(f"evalkit: {name} is damaged ({why}); {MADE_AGAIN}")
    if config.verify and not bad:
        say(f"all {sum(i.finished for i in items)} finished entries are whole")
    name_path(store.path)
    return fail(f"{len(bad)} damaged", BAD_INPUT) if bad else 0


def inventory_table(items: "Sequence[Item]", bad: Container[str]) -> Any:
    """One row per entry, last used first; ``bad`` are the names of those that are damaged."""
    from rich.filesize import decimal
    from rich.table import Table
    from rich.text import Text

    table = Table(header_style="bold")
    for name in ("entry", *KEY_COLUMNS, "texts", "size", "unused for", "state"):
        is_number = name in ("texts", "size", "unused for")
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for item in items:
        key = (Text(printable(str(item.key.get(column, "–")), 48)) for column in KEY_COLUMNS)
        state = "damaged" if item.name in bad else item.state
        days = f"{item.unused_seconds / 86_400:.1f} days"
        table.add_row(Text(printable(item.name)), *key, f"{item.texts:,}", decimal(item.size_bytes), days, state)
    return table


def gigabytes(value: float | None) -> int | None:
    return None if value is None else int(value * 1e9)
