"""What a collection of Weaviate is set to by its own word, and how that is changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evalkit.errors import UserError, did_you_mean
from evalkit.search.engines.weaviate.words import FLAT


@dataclass(frozen=True)
class Kept:
    """Of one vector of a collection: ``index`` and ``quantizer`` in Weaviate's words, ``quantizer`` empty for none.

    ``ef`` is -1 where the server chooses it, null where the index has none; ``rescore_limit`` likewise.
    """

    index: str
    distance: str
    quantizer: str
    bits: int | None
    ef: int | None
    rescore_limit: int | None

    @property
    def quantizer_name(self) -> str:
        return (f"{self.quantizer}, {self.bits} bits" if self.bits else self.quantizer) or "uncompressed"


def kept(config: Any, vector: str | None) -> Kept:
    """Of the ``vector`` of a collection's ``config``, as the client reads it; null is the one without a name."""
    settings = config.vector_config[vector].vector_index_config if vector else config.vector_index_config
    quantizer = getattr(settings, "quantizer", None)
    word = type(quantizer).__name__.strip("_")[:2].lower() if quantizer else ""  # _PQConfig, _BQConfig …
    return Kept(
        index=settings.vector_index_type(),
        distance=str(settings.distance_metric.value),
        quantizer=word,
        bits=getattr(quantizer, "bits", None),
        ef=getattr(settings, "ef", None),
        rescore_limit=getattr(quantizer, "rescore_limit", None),
    )


def vector_name(config: Any, asked: str | None, table: str) -> str | None:
    """The vector that is ``asked`` for, or the only one; null where it has no name. Raises UserError for another."""
    names = list(config.vector_config or {})
    if asked is None and len(names) <= 1:
        return names[0] if names else None
    if asked in names:
        return asked
    what = f"no vector '{asked}'" if asked else "several vectors"
    raise UserError(f"{table} has {what}.", f"Name it as vector_column. {did_you_mean(asked or '', names)}")


def change(
    collection: Any, was: Kept, vector: str, ef: int | None, quantizer: str, settings: Mapping[str, Any]
) -> None:
    """Set ``ef``, and of ``quantizer`` what ``settings`` say in the words of the client; nulls and none stay as is."""
    from weaviate.classes.config import Reconfigure

    how = Reconfigure.VectorIndex
    changed = getattr(how.Quantizer, quantizer)(**settings) if quantizer and settings else None
    index = how.flat(quantizer=changed) if was.index == FLAT else how.hnsw(ef=ef, quantizer=changed)
    collection.config.update(vector_config=Reconfigure.Vectors.update(name=vector, vector_index_config=index))
