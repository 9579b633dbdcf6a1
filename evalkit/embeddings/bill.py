"""What a hosted model's runs may have been billed until one finishes, kept beside the vectors, also after a kill.

``bill-<model>-<run>.json`` below the store holds the tokens of one run that has not finished: all that were counted,
and at most those of requests without an answer. A run that finishes removes its own and those of runs before it.
"""

import json
import uuid
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from evalkit.embeddings.store import READ_ONLY, EmbeddingStore
from evalkit.system.digests import name_of_key
from evalkit.system.files import write_text


class UnfinishedBill:
    """The bill of this run, and of those before it, of one ``model`` (its kind, name and address) in ``store``."""

    def __init__(self, store: EmbeddingStore, model: Mapping[str, Any]) -> None:
        self.folder = store.path
        self.name = f"bill-{name_of_key(model)}"
        self.file = self.folder / f"{self.name}-{uuid.uuid4().hex}.json"

    @cached_property
    def before(self) -> dict[Path, int]:
        """file → tokens of each run before this one."""
        return {file: tokens_in(file) for file in sorted(self.folder.glob(f"{self.name}-*.json"))}

    @property
    def earlier_tokens(self) -> int:
        return sum(self.before.values())

    def keep(self, tokens: int) -> None:
        """Write that this run may have been billed ``tokens``; nothing where the store can't be written to."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_text(self.file, json.dumps({"tokens": tokens}))
        except OSError as error:
            if error.errno not in READ_ONLY:
                raise

    def finish(self) -> None:
        """This run has all that it was to have: nothing of it, or before it, counts for another."""
        for file in (self.file, *self.before):
            with suppress(OSError):
                file.unlink()


def tokens_in(file: Path) -> int:
    """The tokens in ``file``; none where another run just removed it, or it is damaged."""
    try:
        tokens = json.loads(file.read_text(encoding="utf-8"))["tokens"]
    except (OSError, ValueError, TypeError, KeyError):
        return 0
    return tokens if isinstance(tokens, int) and tokens > 0 else 0
