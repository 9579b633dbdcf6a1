"""Queries resampled together: sums over clusters, sign flips, and bootstrap weights, each one matrix for all settings.

Queries that depend on each other (they ask for the same document, say) form a cluster and are flipped or drawn as one.
Corpora are resampled independently of each other. A statistic of many settings on many resamples is then a matrix
product, taken in blocks of bounded size.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evalkit.arrays import Floats

Codes = npt.NDArray[np.int64]
Signs = npt.NDArray[np.float32]

BLOCK_CELLS = 4_000_000  # of one block of resamples × rows: 16 MB as float32


@dataclass(frozen=True)
class SignFlips:
    """Signs ±1 (resamples × clusters, int8), the clusters of each corpus in its ``columns``.

    ``exact`` says that they are all there are, each once.
    """

    signs: npt.NDArray[np.int8]
    columns: tuple[slice, ...]
    exact: bool

    def p(self, count: npt.ArrayLike) -> Floats:
        """The p-value where ``count`` of the resamples are at least as extreme as what was observed; never 0.

        (count + 1) / (resamples + 1), the observed signs being one more resample (Phipson and Smyth 2010); exact
        flips have the observed signs among them.
        """
        more = 0 if self.exact else 1
        return (np.asarray(count, dtype=np.float64) + more) / (len(self.signs) + more)

    @property
    def smallest_p(self) -> float:
        """What no p-value can fall below."""
        return 1 / (len(self.signs) + (0 if self.exact else 1))

    def products(self, corpora: Sequence[Floats | Signs]) -> Iterator[Signs]:
        """The sum of every row under every flip (resamples × rows), in blocks of resamples that bound the memory.

        ``corpora`` has a matrix (rows × clusters) for each corpus; their rows follow each other.
        """
        turned = [np.ascontiguousarray(rows.T, dtype=np.float32) for rows in corpora]
        step = max(1, BLOCK_CELLS // max(1, sum(len(rows) for rows in corpora)))
        for first in range(0, len(self.signs), step):
            block = self.signs[first : first + step].astype(np.float32)
            parts = zip(self.columns, turned, strict=True)
            yield np.concatenate([block[:, columns] @ rows for columns, rows in parts], axis=1)


def cluster_sums(values: Floats, clusters: Codes) -> Floats:
    """The sum of each row of ``values`` (rows × queries) over each cluster (rows × clusters).

    ``clusters`` numbers the cluster of every query, from 0 without gaps.
    """
    order = np.argsort(clusters, kind="stable")
    first = np.searchsorted(clusters[order], np.arange(clusters.max(initial=-1) + 1))
    sums: Floats = np.add.reduceat(values[:, order], first, axis=1) if len(first) else values[:, :0]
    return sums


def sign_flips(clusters: Sequence[int], resamples: int, seed: int = 0) -> SignFlips:
    """``resamples`` independent sign flips of as many clusters as each corpus has, corpora side by side.

    All 2ⁿ flips of n clusters, each once, where those are no more than ``resamples``.
    """
    total = int(sum(clusters))
    ends = np.cumsum(clusters).tolist()
    columns = tuple(slice(end - size, end) for end, size in zip(ends, clusters, strict=True))
    if total < 63 and 2**total <= resamples:
        numbers = np.arange(2**total)[:, None] >> np.arange(total)
        return SignFlips((1 - 2 * (numbers & 1)).astype(np.int8), columns, exact=True)
    bits = np.random.default_rng(seed).integers(0, 2, (resamples, total), dtype=np.int8)
    return SignFlips(1 - 2 * bits, columns, exact=False)


def bootstrap_weights(clusters: int, resamples: int, seed: int = 0) -> Signs:
    """How often each cluster is drawn (resamples × clusters, float32): as many draws as clusters, with replacement."""
    drawn = np.random.default_rng(seed).integers(0, clusters, (resamples, clusters))
    cells = drawn + np.arange(resamples)[:, None] * clusters
    counts = np.bincount(cells.ravel(), minlength=resamples * clusters)
    return counts.reshape(resamples, clusters).astype(np.float32)
