"""How sure quality is, for the page: beside the best, and beside others that filters may make the best.

A reader who leaves out settings needs tests against the best of what is left. As far as there is room, settings come
with all of those that measured worse: whether each may be just as good, and how much it may lose, at the confidence of
all pairs.
"""

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from evalkit.reports.data.quality import Certainty
from evalkit.reports.data.report import Report
from evalkit.reports.views.figures import rounded

MOST_PAIRS = 20_000  # of all scopes and measures; 2 bytes each
ALIKE, LOSSES = 1 << 15, (1 << 15) - 1


def scopes_data(report: Report) -> Iterator[dict[str, Any]]:
    """Every scope with its certainty by measure; those of the chosen measure have the first pairs."""
    measures, alpha = report.gathered.measures, report.config.alpha
    room, certain = MOST_PAIRS, {}
    for measure in sorted(measures, key=lambda name: name != report.config.measure):
        for place, scope in enumerate(report.scopes):
            certain[place, measure] = certainty_data(scope.certainty[measure], alpha, room)
            room -= certain[place, measure].pop("pairs_used")
    for place, scope in enumerate(report.scopes):
        yield {
            "name": scope.name,
            "words": scope.words,
            "members": scope.members,
            "certainty": {measure: certain[place, measure] for measure in measures},
        }


def certainty_data(certainty: Certainty, alpha: float, room: int) -> dict[str, Any]:
    """``order`` are the settings whose queries are known, best first; the first of them, as many as ``spread`` has,
    have pairs with all that follow (``beside``).
    """
    pairs = certainty.pairs
    order = pairs.rows[np.argsort(-certainty.mean[pairs.rows], kind="stable")]
    ends = np.cumsum(np.arange(len(order) - 1, 0, -1))
    leading = int(np.searchsorted(ends, room, side="right"))
    critical = pairs.largest.critical(alpha)
    return {
        **{name: rounded(getattr(certainty, name)) for name in ("low", "high", "p_as_good", "loss_at_most")},
        "chance": certainty.chance,
        "clusters": pairs.clusters,
        "critical": critical if np.isfinite(critical) else None,
        "order": order.tolist(),
        "spread": rounded(np.array([pairs.typical_spread(row) for row in order[: max(leading, 1)]], dtype=np.float64)),
        "pairs": beside(certainty, order, leading, alpha),
        "pairs_used": int(ends[leading - 1]) if leading else 0,
    }


def beside(certainty: Certainty, order: npt.NDArray[np.int64], leading: int, alpha: float) -> str:
    """base64 of a little-endian uint16 for each of ``order`` that follows one of its first, which are ``leading``.

    The upper bit says that it may be just as good, the others are the loss at most, in 32,767ths and rounded up.
    """
    pairs, codes = certainty.pairs, []
    places = np.searchsorted(pairs.rows, order)
    for place, row in enumerate(order[:leading]):
        worse = order[place + 1 :]
        losses = np.ceil(pairs.loss_at_most(row, alpha)[places[place + 1 :]] * LOSSES)
        codes.append(losses.astype(np.uint16) | np.where(pairs.p(worse, row) > alpha, ALIKE, 0).astype(np.uint16))
    return base64.b64encode(np.concatenate([*codes, np.zeros(0, np.uint16)]).astype("<u2").tobytes()).decode("ascii")
