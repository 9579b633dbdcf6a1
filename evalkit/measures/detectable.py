"""The smallest drop that so many queries would have shown: what a pass of the gate rules out, and what it doesn't."""

import numpy as np
import numpy.typing as npt

from evalkit.arrays import Floats

POWER = 0.8
HALVINGS = 30
LEAST_SQUARE = 1e-12  # mean square of changes that are none


def detectable_drops(
    scores: Floats, differences: Floats, sizes: Floats, tolerances: Floats, alpha: float, critical: float
) -> Floats:
    """Per comparison, the true drop of the mean that a test would show in 80 % of samples; NaN where none would be.

    The drop comes in the shape that is hardest to see: some clusters, drawn at random, lose their whole score, and all
    others change as those of this comparison do, either way. The same drop spread over more queries is seen more often.

    ``scores`` and ``differences`` (comparisons × clusters) are sums over clusters of ``sizes`` queries: of the
    baseline, and of candidate minus baseline. A drop is shown where Σ x / √(Σ x²) of the falls x reaches ``critical``,
    at least the normal quantile of ``alpha``; that ratio's variance follows from the first four moments of x (delta
    method). As m moved clusters give no p below 2⁻ᵐ, enough must fall for that too, as if nothing else had moved.
    """
    from scipy import special

    needed = max(critical, float(special.ndtri(1 - alpha)))
    share = smallest_share(scores, differences, tolerances[:, None] * sizes, needed)
    clusters, least = len(sizes), int(np.ceil(np.log2(1 / alpha)))
    if least > clusters:
        return np.full(len(scores), np.nan)
    has_score = (scores > 0).mean(axis=1)
    falling = special.betaincinv(least, clusters - least + 1, POWER)  # of all: then ``least`` fall in 80 % of samples
    share = np.maximum(share, np.divide(falling, has_score, out=np.full(len(scores), np.inf), where=has_score > 0))
    with np.errstate(invalid="ignore"):
        return np.where(share <= 1, share * scores.sum(axis=1) / sizes.sum(), np.nan)


def smallest_share(scores: Floats, differences: Floats, allowed: Floats, needed: float) -> Floats:
    """The share of clusters that must lose their whole score, by bisection; infinite where all of them are too few."""
    from scipy import special

    moved = differences != 0
    count = np.maximum(moved.sum(axis=1, keepdims=True), 1)
    weight = moved * (count + 1) / count  # one more cluster that changes than this sample happens to have
    fallen = [((scores - allowed) ** power).mean(axis=1) for power in range(1, 5)]
    others = [
        (
            weight * ((differences - allowed) ** power + (-differences - allowed) ** power) / 2
            + (1 - weight) * (-allowed) ** power
        ).mean(axis=1)
        for power in range(1, 5)
    ]

    def is_shown(share: Floats) -> npt.NDArray[np.bool_]:
        m1, m2, m3, m4 = (share * a + (1 - share) * b for a, b in zip(fallen, others, strict=True))
        m2 = np.maximum(m2, LEAST_SQUARE)
        variance = 1 - m1**2 / m2 - m1 * (m3 - m1 * m2) / m2**2 + m1**2 * (m4 - m2**2) / (4 * m2**3)
        margin = special.stdtrit(scores.shape[1] - 1, POWER) * np.sqrt(np.maximum(variance, 0))
        return np.asarray(np.sqrt(scores.shape[1]) * m1 / np.sqrt(m2) - margin >= needed)

    low, high = np.zeros(len(scores)), np.ones(len(scores))
    possible = is_shown(high)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        shown = is_shown(middle)
        low, high = np.where(shown, low, middle), np.where(shown, middle, high)
    return np.where(possible, high, np.inf)
