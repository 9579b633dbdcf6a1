"""Which points answer each other, by what their queries are grouped, and what can't be compared."""

from collections.abc import Sequence

import pandas as pd
import pytest

from evalkit.gate.pairing import clusters_of

QUERIES = ("q1", "q2", "q3")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [("aab", "xyz", "aab"), ([None] * 3, "xyz", "xyz"), ([None] * 3, [None] * 3, None)],
)
def test_a_pair_is_clustered_as_the_baseline_was_or_else_as_the_candidate(
    before: Sequence[str | None], after: Sequence[str | None], expected: str | None
) -> None:
    frames = (pd.DataFrame({"query_id": QUERIES, "cluster": list(names)}) for names in (before, after))
    clusters = clusters_of(*frames)
    assert (None if clusters is None else dict(clusters)) == (expected and dict(zip(QUERIES, expected, strict=True)))
