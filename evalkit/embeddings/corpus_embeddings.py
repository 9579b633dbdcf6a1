"""What a pass gives: the vectors of both sides of a corpus, row by row beside the texts that they are of."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from evalkit.arrays import FloatMatrix
from evalkit.corpora import Corpus, Texts
from evalkit.embeddings.canary import CanaryCheck
from evalkit.embeddings.chunking import Chunks
from evalkit.embeddings.throughput import Throughput
from evalkit.embeddings.timing import Timing
from evalkit.embeddings.why_null import GIVEN, UNTIMED
from evalkit.encoders import Side
from evalkit.encoders.capabilities import Sent

OF_TIMING = ("device", "threads", "token_budget", "parallel")


@dataclass(frozen=True)
class Embeddings:
    """The stored matrix of one side of one corpus by one encoder (n × native dims, float32, not yet unit length).

    Row i of ``vectors`` is of ``texts.ids[i]``. ``meta`` holds what the pass that made it says of the vectors,
    ``cached`` that it was an earlier run's. ``timing`` is what encoding takes on this machine with these threads; null
    where that was not measured. ``check`` is what an API gives today in the place of some cached vectors; null where
    nothing was cached, or the API was not asked. ``sent`` is all that this run sent for the side; null without a bill.
    ``throughput`` is of the texts that this run encoded; null where it encoded none.
    ``are_given`` says that a user made the vectors, and no encoder of evalkit's.

    Raises ValueError unless there is one row for each text.
    """

    side: Side
    texts: Texts
    vectors: FloatMatrix
    meta: dict[str, Any]
    timing: Timing | None
    cached: bool
    check: CanaryCheck | None = None
    sent: Sent | None = None
    are_given: bool = False
    throughput: Throughput | None = None

    def __post_init__(self) -> None:
        if len(self.vectors) != len(self.texts):
            raise ValueError(f"{len(self.vectors)} vectors of {len(self.texts)} texts")

    @property
    def truncated(self) -> npt.NDArray[np.bool_] | None:
        """Per text, whether the model read only its beginning; null where nobody can tell."""
        if self.meta["truncated_rows"] is None:
            return None
        mask = np.zeros(len(self.vectors), dtype=np.bool_)
        mask[self.meta["truncated_rows"]] = True
        return mask

    @property
    def why_untimed(self) -> str:
        """Why there is no ``timing`` where there is none."""
        return GIVEN if self.are_given else UNTIMED

    @property
    def latency_ms(self) -> FloatMatrix:
        """Milliseconds of single encode calls (queries only), in the order of the queries, around and around."""
        return np.asarray(self.timing.latency_ms if self.timing else (), dtype=np.float32)

    @property
    def model(self) -> dict[str, Any]:
        """The encoder's description of itself: of the vectors as they were made, of threads and device as timed."""
        made = {name: value for name, value in self.meta["model"].items() if name not in OF_TIMING}
        return {**made, **(self.timing.runtime if self.timing else {"device": self.meta["model"]["device"]})}

    def without_texts(self, side: Side) -> "Embeddings":
        """What the same model gives of a side that has no texts."""
        meta = {**self.meta, "texts": 0, "tokens": 0, "truncated_rows": []}
        return Embeddings(side, Texts([], []), self.vectors[:0], meta, None, self.cached, are_given=self.are_given)


@dataclass(frozen=True)
class CorpusEmbeddings:
    """Both sides of one corpus by one encoder; ``documents`` has a vector for each of ``chunks``."""

    chunks: Chunks
    documents: Embeddings
    queries: Embeddings

    def check_order(self, corpus: Corpus) -> None:
        """Whatever is measured of a query is known by its place alone, so there must be one order of queries.

        Raises ValueError where these rows, the queries of ``corpus`` and its judgments are in different orders.
        """
        orders = {
            "the vectors": self.queries.texts.ids,
            f"the queries of {corpus.name}": corpus.queries.ids,
            f"the judgments of {corpus.name}": list(corpus.qrels) or corpus.queries.ids,  # none but of retrieval
        }
        (first, ids), *others = orders.items()
        for name, other in others:
            if list(ids) != list(other):
                raise ValueError(f"{first} and {name} are in different orders")
