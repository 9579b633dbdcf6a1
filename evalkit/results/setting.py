"""What makes a point comparable with another, or different: one value for columns, keys, labels and differences."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

RETRIEVAL = "retrieval"
FAISS = "faiss"
NO_QUANTIZATION = "none"
WHOLE = "none"

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Setting:
    """A cell of the grid, and what it was measured on.

    ``model_options`` are those that a kind of model has beside its weights (``b=0.75, k1=1.5``). ``dims`` is null where
    there are no vectors; ``quantization`` is then ``none``. ``operating_point`` says how one built index is searched
    (``efSearch=64``), ``stages`` what happens to a ranking afterwards, in order (``bm25+minilm(depth=50)``); both are
    empty where there is nothing to say. ``top_k`` is how deep rankings go, ``serve_k`` how many results are served.
    """

    task: str
    model: str
    revision: str
    model_options: str
    corpus: str
    corpus_fingerprint: str
    chunking: str
    dims: int | None
    quantization: str
    engine: str
    index: str
    operating_point: str
    stages: str
    top_k: int
    serve_k: int

    @property
    def key(self) -> Key:
        """What tells it from the other points of its run."""
        return key_of(self.columns())

    @property
    def label(self) -> str:
        return label_of(self.columns())

    def columns(self) -> dict[str, Any]:
        """One value per column of points.parquet."""
        return asdict(self)

    def differences(self, other: "Setting") -> dict[str, tuple[Any, Any]]:
        """Column → both values, of every column in which the two differ."""
        mine, others = self.columns(), other.columns()
        return {name: (mine[name], others[name]) for name in mine if mine[name] != others[name]}


COLUMNS = tuple(field.name for field in fields(Setting))
KEY = ("task", "corpus", "dims", "quantization", "engine", "index", "operating_point", "stages")


def key_of(point: Mapping[str, Any]) -> Key:
    """The ``KEY`` of a point's row."""
    return tuple(point[name] for name in KEY)


def index_label(point: Mapping[str, Any]) -> str:
    """Where and how a point is searched, with its stages: ``hnsw(efSearch=64)+bm25``; an engine other than FAISS first."""
    engine = "" if point["dims"] is None or point["engine"] == FAISS else f"{point['engine']} "
    operating_point = f"({point['operating_point']})" if point["operating_point"] else ""
    stages = f"+{point['stages']}" if point["stages"] else ""
    return f"{engine}{point['index']}{operating_point}{stages}"


def label_parts(point: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(part, text) of a point's label: corpus, and as far as there are vectors dims and quantization; then the index."""
    yield "corpus", str(point["corpus"])
    if point["dims"] is not None:
        yield "dims", str(point["dims"])
        yield "quantization", str(point["quantization"])
    yield "index", index_label(point)


def label_of(point: Mapping[str, Any]) -> str:
    """``cranfield 256 int8 hnsw(efSearch=64)+bm25``."""
    return " ".join(text for _, text in label_parts(point))
