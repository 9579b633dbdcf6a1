"""The canary: a few texts of a side, the same ones in every run, whose vectors show that a model has changed.

What a model behind an API gave once and the store kept says nothing of what that API gives today. So the canary's
texts are sent once more, and nothing of it is stored.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evalkit.arrays import FloatMatrix, row_cosines
from evalkit.corpora import Texts
from evalkit.corpora.texts import first_half
from evalkit.embeddings.timing import now
from evalkit.encoders import Encoder, Side
from evalkit.encoders.refused_texts import named
from evalkit.errors import UserError
from evalkit.results.canaries import SAME_COSINE

CANARY_TEXTS = 256
LEAVE_OUT = "Stored vectors are kept; model.api.check_canary=false takes them unchecked."


@dataclass(frozen=True)
class CanaryCheck:
    """What an API gives at ``checked_at`` (UTC) for the canary's texts of one side whose vectors were in the store.

    ``vectors`` are the API's (n × native dims, float32), ``cosines`` those between them and the stored ones; both in
    the order of ``rows``, where the texts are among all of their side.
    """

    rows: npt.NDArray[np.int64]
    vectors: FloatMatrix
    cosines: npt.NDArray[np.float32]
    checked_at: str

    @property
    def changed_rows(self) -> list[int]:
        """The rows of the texts for which the API gives another vector than it gave."""
        return [int(row) for row in self.rows[self.cosines < SAME_COSINE]]


def canary_rows(texts: Texts) -> npt.NDArray[np.int64]:
    """Where the canary's texts are among ``texts``: at most 256, by the texts' hashes, whatever the files' order."""
    keys = first_half(texts.digests)
    last = min(CANARY_TEXTS, len(keys)) - 1
    near = np.flatnonzero(keys <= np.partition(keys, last)[last]) if len(keys) else np.empty(0, dtype=np.int64)
    return np.sort(near[np.argsort(texts.digests[near], kind="stable")[:CANARY_TEXTS]])


def canary_texts(texts: Texts) -> list[str]:
    return [texts.texts[row] for row in canary_rows(texts).tolist()]


def check_canary(encoder: Encoder, side: Side, texts: Texts, stored: FloatMatrix) -> CanaryCheck:
    """Encode the canary's texts once more and compare with their ``stored`` vectors.

    Raises UserError where the API gives no vectors, or those of another width.
    """
    rows = canary_rows(texts)
    try:
        vectors = encoder.encode([texts.texts[row] for row in rows.tolist()], side).vectors
    except UserError as refused:
        error = named(refused, [texts.ids[row] for row in rows.tolist()], side)
        problem = f"whether the stored vectors are still what the API gives can't be checked: {error.problem}"
        raise UserError(problem, f"{error.hint} {LEAVE_OUT}".lstrip()) from None
    if vectors.shape[1] != stored.shape[1]:
        raise UserError(
            f"{encoder.config.name} gives vectors of {vectors.shape[1]} dimensions, and those in the store have "
            f"{stored.shape[1]}: the model has changed.",
            "Prune the store or set another store.path.",
        )
    return CanaryCheck(rows, vectors, row_cosines(vectors, stored[rows]), now())
