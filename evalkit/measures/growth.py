"""How the share of full precision falls as a corpus grows: measured at nested samples, predicted beyond them.

The model: a share's odds of loss, (1 - share) / share, grow by a power of the number of documents, and by about the
same power for all settings of a model (``POWER`` is what is thought of it before anything is measured, as shares fall
in CoRECT, Caspari et al. 2025). So a share of 1 stays at 1, none falls below 0, and what little a setting alone says of
its slope is helped by all others; where the sizes say nothing, what was thought before is left, as wide as it is.

An interval holds what the same queries leave open (drawn anew by clusters, at all sizes together, with one more that
went as wrong as can be: ``measures.kept``), the power's own uncertainty, and how far settings differ in it (``APART``).
It widens with the logarithm of the size. Beyond ``MOST_TIMES`` the largest measured size nothing is said, nor where an
interval is wider than ``WIDEST``. A share above 1, as few queries show it, and such a bound stay as they were measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.arrays import Floats
from evalkit.measures.kept import RESAMPLES, drawn
from evalkit.measures.resampling import Codes, cluster_sums

MOST_TIMES = 10
WIDEST = 0.5  # of an interval: a wider one tells nothing
POWER, POWER_SPREAD = 0.15, 0.15  # mean and standard deviation, before anything is measured
APART = 0.05  # standard deviation of a setting's power around that of all
FLOOR = 0.02  # odds of loss below which a setting says little of the power
STEEPEST = 3.0  # of the logarithm of a ratio of losses: more is noise


@dataclass(frozen=True)
class Growth:
    """``shares`` of full precision (settings × ``sizes``, ascending numbers of documents), NaN where full scores 0.

    ``power`` is that of all settings, ``powers`` what it may be (settings × resamples). ``if_worse`` and ``if_better``
    are resampled shares at the largest size (settings × resamples), with an item more that lost, or won.
    """

    sizes: tuple[int, ...]
    shares: Floats
    power: float
    powers: Floats
    if_worse: Floats
    if_better: Floats

    def at(self, size: float, alpha: float) -> Floats:
        """(share, low, high) of each setting at ``size`` documents (settings × 3), of confidence 1 - ``alpha``.

        NaN for more than ``MOST_TIMES`` the largest measured size, and for fewer documents than that has.
        """
        times = size / self.sizes[-1]
        if not 1 <= times <= MOST_TIMES:
            return np.full((len(self.shares), 3), np.nan)
        return np.stack(
            [
                grown(self.shares[:, -1], times**self.power),
                np.quantile(grown(self.if_worse, times**self.powers), alpha / 2, axis=1, method="lower"),
                np.quantile(grown(self.if_better, times**self.powers), 1 - alpha / 2, axis=1, method="higher"),
            ],
            axis=1,
        )

    def told(self, size: float, alpha: float) -> Floats:
        """``at``, but NaN where the share or a bound is not known, or the interval is wider than ``WIDEST``."""
        found = self.at(size, alpha)
        width = found[:, 2] - found[:, 1]
        tells = np.isfinite(found).all(axis=1) & (width <= WIDEST)
        return np.asarray(np.where(tells[:, None], found, np.nan))


def grown(shares: Floats, factor: Floats | float) -> Floats:
    """``shares`` whose odds of loss are ``factor`` times as large; those of 1 and more, and of 0, stay."""
    with np.errstate(invalid="ignore", divide="ignore"):
        changed = shares / (shares + (1 - shares) * factor)
    return np.asarray(np.where((shares > 0) & (shares < 1), changed, shares))


def growth(
    kept: Sequence[Floats], full: Sequence[Floats], clusters: Codes, sizes: Sequence[int], seed: int = 0
) -> Growth:
    """The growth of what settings keep of full precision, measured at ``sizes`` on the same queries.

    ``kept`` has a matrix (settings × queries) for each size, ``full`` the scores at full precision; ``clusters``
    numbers the queries that are drawn together.
    """
    counts = np.bincount(clusters).astype(np.float64)
    settings = len(kept[0])
    rows = np.concatenate([*kept, np.stack(full)])
    rng = np.random.default_rng(seed)
    totals, _, unseen = drawn(cluster_sums(rows, clusters), counts, rng)
    x, f = totals[: -len(full)].reshape(len(sizes), settings, RESAMPLES), totals[-len(full) :]
    means = rows.mean(axis=1)
    shares = shares_of(means[: -len(full)].reshape(len(sizes), settings), means[-len(full) :, None]).T
    changes = kept[-1] - full[-1]
    worse = shares_of(x[-1] + np.outer(np.minimum(0, 1 + changes.min(axis=1)), unseen), f[-1] + unseen)
    better = shares_of(x[-1] + np.outer(np.maximum(1, changes.max(axis=1)), unseen), f[-1])
    power, powers = power_of(shares, np.moveaxis(shares_of(x, f[:, None]), 0, 1), np.asarray(sizes), rng)
    return Growth(tuple(sizes), np.asarray(shares), power, powers, worse, better)


def shares_of(kept: Floats, full: Floats) -> Floats:
    """Their ratio; NaN where ``full`` is not above 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(full > 0, kept / full, np.nan))


def power_of(shares: Floats, resampled: Floats, sizes: Floats, rng: np.random.Generator) -> tuple[float, Floats]:
    """The power of all settings, and what each may have (settings × resamples).

    The normal mean of what was thought before and what ``shares`` (settings × sizes) say, by their variances; that of
    the latter is between ``resampled`` ones (settings × sizes × resamples).
    """
    noise = rng.standard_normal(resampled.shape[-1])
    apart = rng.standard_normal((len(shares), resampled.shape[-1])) * APART
    slopes = slope_of(odds_of(resampled), weights := weights_of(shares), sizes)
    measured = float(slope_of(odds_of(shares[:, :, None]), weights, sizes)[0])
    known = slopes[np.isfinite(slopes)]
    if not np.isfinite(measured) or len(known) < len(slopes) / 2:
        return POWER, POWER + POWER_SPREAD * noise + apart
    variance = float(known.var()) + APART**2
    trust = POWER_SPREAD**2 / (POWER_SPREAD**2 + variance)
    power = POWER + trust * (measured - POWER)
    drawn_slopes = np.where(np.isfinite(slopes), slopes, measured)
    rest = np.sqrt(trust * variance - trust**2 * (variance - APART**2))
    return power, POWER + trust * (drawn_slopes - POWER) + rest * noise + apart


def odds_of(shares: Floats) -> Floats:
    """Odds of loss; NaN for a share of 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(shares > 0, 1 / shares - 1, np.nan))


def weights_of(shares: Floats) -> Floats:
    """How much each setting says of the power: those that lose something about the same, others little."""
    lost = np.nan_to_num(np.maximum(odds_of(shares[:, -1]), 0.0))
    return np.asarray(lost / (lost + FLOOR) / (lost + FLOOR))


def slope_of(odds: Floats, weights: Floats, sizes: Floats) -> Floats:
    """Per resample the slope of log odds in log size, through the largest size; NaN where nothing is lost.

    ``odds`` are settings × sizes × resamples.
    """
    away = np.log(sizes[:-1] / sizes[-1])
    with np.errstate(invalid="ignore", divide="ignore"):
        sums = np.einsum("i,ijb->jb", weights, np.nan_to_num(odds))
        logs = np.log(sums[:-1] / sums[-1])
    logs = np.where(sums[-1] > 0, np.clip(np.nan_to_num(logs, nan=-STEEPEST), -STEEPEST, STEEPEST), np.nan)
    return (
        np.asarray((away[:, None] * logs).sum(axis=0) / (away**2).sum())
        if len(away)
        else np.full(len(sums[-1]), np.nan)
    )
