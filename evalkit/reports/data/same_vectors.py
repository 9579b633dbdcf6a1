"""Which runtimes and weights of one model give the same vectors, so that their runs are runs of one setting."""

from collections.abc import Sequence
from functools import cache
from itertools import product

import pandas as pd

from evalkit.errors import UserError
from evalkit.reports.data.identity import MODEL_PARTS, SOURCE
from evalkit.reports.data.labels import OR
from evalkit.results.canaries import cosines, shared_texts
from evalkit.results.reader import StoredRun

SAME_COSINE = 0.9999
REFERENCE = {"runtime": "torch", "precision": "float32", "device": "cpu"}
NOT_OF_VECTORS = (*SOURCE, "chunking", "top_k", "serve_k")


def same_vectors(points: pd.DataFrame, runs: Sequence[StoredRun]) -> pd.DataFrame:
    """``points`` where runtime, weights and kind are one for all of the same vectors: ``torch or openvino``.

    Compared are points that are equal in all else that changes vectors: by the canaries of their runs where these
    hold a common text (every cosine is at least 0.9999), else, with equal weights, by what each run verified against
    PyTorch in float32. What can't be told stays apart.
    """
    equal = ["model_name", *(name for name in MODEL_PARTS if name not in NOT_OF_VECTORS)]
    agree = Agreement(runs)
    merged = points.copy()
    for _, group in points.groupby(equal, sort=False):
        classes: list[list[pd.DataFrame]] = []
        for _, source in group.groupby(SOURCE, sort=False):
            known = next((members for members in classes if agree.between(members[0], source)), None)
            if known is None:
                classes.append([source])
            else:
                known.append(source)
        for members in classes:
            together = pd.concat(members)
            merged.loc[together.index, SOURCE] = [OR.join(together[column].unique()) for column in SOURCE]
    return merged


class Agreement:
    """Compares runs by their canaries, each of which is read once."""

    def __init__(self, runs: Sequence[StoredRun]) -> None:
        self.runs = runs
        self.canary = cache(self.read_canary)

    def read_canary(self, run: int) -> pd.DataFrame | None:
        try:
            return self.runs[run].canary()
        except UserError:
            return None

    def between(self, first: pd.DataFrame, second: pd.DataFrame) -> bool:
        """Whether the points ``first`` and ``second`` of one model are of the same vectors."""
        pairs = product(first["run"].unique(), second["run"].unique())
        compared = [cosine for pair in pairs if (cosine := self.smallest_cosine(*pair)) is not None]
        if compared:
            return min(compared) >= SAME_COSINE
        if first["weights"].iloc[0] != second["weights"].iloc[0]:
            return False
        return all(self.is_verified(run) for points in (first, second) for run in points["run"].unique())

    def smallest_cosine(self, first: int, second: int) -> float | None:
        """Over the texts that both canaries hold; -1 where the vectors are of other widths, null without a text."""
        before, after = self.canary(first), self.canary(second)
        if before is None or after is None:
            return None
        texts = shared_texts(before, after)
        if texts.empty:
            return None
        of_texts = cosines(texts)
        return -1.0 if of_texts is None else float(of_texts.min())

    def is_verified(self, run: int) -> bool:
        """Whether a run's vectors are PyTorch's in float32, or were found to agree with them on both sides."""
        sides = self.runs[run].about["embeddings"]
        return bool(sides) and all(
            REFERENCE.items() <= side["runtime"].items()
            or (side.get("verification") or {}).get("smallest_cosine", 0.0) >= SAME_COSINE
            for side in sides
        )
