"""Rankings made block by block are those made at once, also where memory runs out on the way."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.measures.ranking import Ranking, by_block


@given(st.integers(0, 40), st.integers(1, 50), st.integers(1, 50))
def test_every_query_is_ranked_once_in_blocks_that_fit(queries: int, at_once: int, fits: int) -> None:
    rows = np.arange(queries * 3, dtype=np.int64).reshape(queries, 3)
    done: list[int] = []

    def rank(block: slice) -> Ranking:
        if block.stop - block.start > fits:
            raise MemoryError
        done.append(block.stop - block.start)
        return Ranking(rows[block], rows[block].astype(np.float32))

    found = by_block(queries, at_once, rank)
    assert found.rows.tolist() == rows.tolist()
    assert found.scores.tolist() == rows.tolist()
    assert sum(done) == queries
    assert all(size <= min(at_once, fits) for size in done)


def test_one_query_that_does_not_fit_is_no_endless_loop() -> None:
    def rank(block: slice) -> Ranking:
        raise MemoryError

    with pytest.raises(MemoryError):
        by_block(7, 4, rank)
