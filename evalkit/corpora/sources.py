"""Which loader reads a corpus: its ``source`` names it. Which settings a source has is its schema's matter."""

from collections.abc import Callable, Mapping
from typing import Any

from evalkit.config import CorpusConfig
from evalkit.config.schema.kinds import corpus_config
from evalkit.corpora import beir, mteb, pydoc, table
from evalkit.corpora.corpus import Corpus

LOADERS: dict[str, Callable[[Any, str], Corpus]] = {
    "beir": beir.load,
    "mteb": mteb.load,
    "pydoc": pydoc.load,
    "table": table.load,
}


def load_corpus(name: str, settings: CorpusConfig | Mapping[str, Any]) -> Corpus:
    """Read the corpus that conf/corpus calls ``name``.

    Raises UserError for an unknown source, an unknown or missing setting, and whatever is wrong in the files.
    """
    config = settings if isinstance(settings, CorpusConfig) else corpus_config(name, settings)
    return LOADERS[config.source](config, name)
