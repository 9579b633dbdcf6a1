"""What share of full quality smaller vectors keep: a ratio of means over the same items, and how sure it is.

The bound is Gaffke's of the mean of bounded values (Learned-Miller and Thomas 2019, "A new confidence interval for the
mean of a bounded random variable"): items are drawn anew with exponential weights, together with one item more that
went as wrong as can be. Of hits and misses it is Clopper and Pearson's; that no item of twenty changed doesn't make it
certain that none does. Here it is of the ratio (Fieller's way: the share r of which Σ w (x - r f) is 0).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.arrays import Floats
from evalkit.measures.resampling import BLOCK_CELLS, Codes, cluster_sums

RESAMPLES = 4_000


@dataclass(frozen=True)
class KeptShares:
    """``shares`` of full quality per setting, NaN where that is not above 0.

    ``if_worse`` and ``if_better`` are resampled shares (settings × resamples, each sorted) with an item more that lost,
    or won, as much as can be.
    """

    shares: Floats
    if_worse: Floats
    if_better: Floats

    def at_least(self, level: float) -> Floats:
        """The lower bound of each share, wrong in ``level`` (a share) of samples at most."""
        return np.asarray(np.quantile(self.if_worse, level, axis=1, method="lower"))

    def at_most(self, level: float) -> Floats:
        return np.asarray(np.quantile(self.if_better, 1 - level, axis=1, method="higher"))


def kept_shares(kept: Sequence[Floats], full: Sequence[Floats], clusters: Sequence[Codes], seed: int = 0) -> KeptShares:
    """The share of ``full`` (items, for each corpus) that each setting of ``kept`` (settings × items) keeps.

    Both are means over corpora of means over items; ``clusters`` numbers what is drawn together. A score that lies
    from 0 to 1 can lose 1; one of another range as much as any item lost.
    """
    corpora = len(full)
    x, f = (sum(values.mean(axis=-1) for values in side) / corpora for side in (kept, full))
    rng = np.random.default_rng(seed)
    worse, better = [np.zeros((2, len(kept[0]), RESAMPLES)) for _ in range(2)]  # means of kept, and of full
    for of_kept, of_full, codes in zip(kept, full, clusters, strict=True):
        both = np.concatenate([of_kept, of_full[None]])
        sizes = np.bincount(codes).astype(np.float64)
        changes = of_kept - of_full
        lost = np.minimum(0, 1 + changes.min(axis=1)), 1.0
        won = np.maximum(1, changes.max(axis=1)), 0.0
        sums, weights, unseen = drawn(cluster_sums(both, codes), sizes, rng)
        for means, (of_x, of_f) in ((worse, lost), (better, won)):
            means[0] += (sums[:-1] + np.outer(of_x, unseen)) / weights / corpora
            means[1] += (sums[-1] + of_f * unseen) / weights / corpora
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = np.where(f > 0, x / f, np.nan)
        low = np.where(worse[1] > 0, worse[0] / worse[1], -np.inf)
        high = np.where(better[1] > 0, better[0] / better[1], np.inf)
    return KeptShares(np.asarray(shares), np.sort(low, axis=1), np.sort(high, axis=1))


def drawn(sums: Floats, sizes: Floats, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Weighted totals of each row of ``sums`` (rows × clusters), of items, and of those of one cluster more that nobody
    has seen, which is as large as they are on average (each rows × resamples, or resamples).
    """
    step = max(1, BLOCK_CELLS // len(sizes))
    totals, items, unseen = [], [], []
    for first in range(0, RESAMPLES, step):
        weights = rng.standard_exponential((min(step, RESAMPLES - first), len(sizes)))
        totals.append(sums @ weights.T)
        unseen.append(rng.standard_exponential(len(weights)) * sizes.mean())
        items.append(weights @ sizes + unseen[-1])
    return np.concatenate(totals, axis=1), np.concatenate(items), np.concatenate(unseen)
