"""Which loader reads a corpus config: ``source`` names it, its dataclass says which keys it takes."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Protocol

from evalkit.corpora.beir import BeirFolder
from evalkit.corpora.corpus import Corpus
from evalkit.corpora.mteb import MtebTask
from evalkit.corpora.pydoc import PythonDocstrings
from evalkit.corpora.table import Table
from evalkit.errors import UserError, did_you_mean


class Source(Protocol):
    """A dataclass of settings that can load the corpus they describe."""

    def load(self, name: str) -> Corpus: ...


SOURCES: dict[str, type[Source]] = {
    "beir": BeirFolder,
    "mteb": MtebTask,
    "pydoc": PythonDocstrings,
    "table": Table,
}


def load_corpus(name: str, settings: Mapping[str, Any]) -> Corpus:
    """Read the corpus that conf/corpus calls ``name``.

    Raises UserError for an unknown source, an unknown or missing setting, and whatever is wrong in the files.
    """
    options = dict(settings)
    source = str(options.pop("source", "none"))
    if source not in SOURCES:
        raise UserError(f"corpus '{name}' has the unknown source '{source}'.", did_you_mean(source, SOURCES))
    known = [f.name for f in fields(SOURCES[source])]  # type: ignore[arg-type]
    for key in options:
        if key not in known:
            raise UserError(f"there is no setting '{key}' in corpus.{name}.", did_you_mean(key, known))
    return SOURCES[source](**options).load(name)
