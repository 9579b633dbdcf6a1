"""How far a text is from a known domain: by its nearest neighbours, by Mahalanobis distance, by an isolation forest.

Distances and scores are scikit-learn's.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.covariance import LedoitWolf
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score, roc_curve
from sklearn.neighbors import NearestNeighbors

from evalkit.arrays import Bools, FloatMatrix, Floats

SEED = 42
RECALL = 0.95  # of outliers, at which false alarms are counted


def by_neighbours(known: FloatMatrix, texts: FloatMatrix, neighbours: int) -> Floats:
    """The mean cosine distance to the nearest ``neighbours`` of ``known``."""
    model = NearestNeighbors(n_neighbors=min(neighbours, len(known)), metric="cosine", algorithm="brute").fit(known)
    return np.asarray(model.kneighbors(texts)[0].mean(axis=1), dtype=np.float64)


def by_mahalanobis(known: FloatMatrix, texts: FloatMatrix) -> Floats:
    """From the mean of ``known`` by its covariance, shrunk as texts may be fewer than dims (Ledoit and Wolf 2004)."""
    return np.asarray(LedoitWolf().fit(known).mahalanobis(texts), dtype=np.float64)


def by_isolation(known: FloatMatrix, texts: FloatMatrix, seed: int = SEED) -> Floats:
    """How few random cuts set a text apart from ``known`` (Liu et al. 2008)."""
    return -np.asarray(IsolationForest(random_state=seed).fit(known).score_samples(texts), dtype=np.float64)


@dataclass(frozen=True)
class Separation:
    """How well distances tell outliers: the area under the ROC curve, and false alarms where 95 % of them are found.

    ``per_text`` has the area as its mean: it and each text's influence on it (DeLong et al. 1988).
    """

    auroc: float
    false_alarms: float
    per_text: Floats


def separation(distances: Floats, is_outside: Bools) -> Separation:
    auroc = float(roc_auc_score(is_outside, distances))
    alarms, found, _ = roc_curve(is_outside, distances, drop_intermediate=False)
    return Separation(auroc, float(alarms[np.argmax(found >= RECALL)]), placements(distances, is_outside, auroc))


def separation_among(counted: Bools, distances: Floats, is_outside: Bools) -> Separation:
    """That of the ``counted`` texts alone; each of the others has the area itself as its value."""
    of_some = separation(distances[counted], is_outside[counted])
    per_text = np.full(len(distances), of_some.auroc)
    per_text[counted] += len(distances) / np.count_nonzero(counted) * (of_some.per_text - of_some.auroc)
    return Separation(of_some.auroc, of_some.false_alarms, per_text)


def threshold_of_recall(distances: Floats, is_outside: Bools) -> float:
    """The largest distance from which 95 % of outliers are found; NaN where there is none."""
    farthest_first = np.sort(distances[is_outside])[::-1]
    count = len(farthest_first)
    is_enough = np.arange(1, count + 1) / max(count, 1) >= RECALL
    return float(farthest_first[np.argmax(is_enough)]) if count else float("nan")


def placements(distances: Floats, is_outside: Bools, auroc: float) -> Floats:
    """Per text, ``auroc`` and its influence: how it does against the texts of the other kind, ties counting half."""
    inside, outside = np.sort(distances[~is_outside]), np.sort(distances[is_outside])
    share = np.empty(len(distances))
    share[is_outside] = below(inside, distances[is_outside])
    share[~is_outside] = 1 - below(outside, distances[~is_outside])
    counts = np.where(is_outside, len(outside), len(inside))
    return auroc + len(distances) / counts * (share - auroc)


def below(ordered: Floats, values: Floats) -> Floats:
    """The share of ``ordered`` that is less than each of ``values``, equal ones counting half."""
    less, up_to = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    return np.asarray((less + up_to) / 2 / len(ordered), dtype=np.float64)
