"""Every pair once, against the whole matrix of cosines."""

import numpy as np
import pytest

from evalkit.measures import all_pairs
from evalkit.measures.all_pairs import NONE, SCALE, blocks


@pytest.mark.parametrize("cells", [1, 3_000, 4_000_000])
def test_blocks_are_the_lower_triangle(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(all_pairs, "BLOCK_CELLS", cells)
    vectors = np.random.default_rng(0).standard_normal((41, 7)).astype(np.float32)
    unit = vectors / np.linalg.norm(vectors.astype(float), axis=1, keepdims=True)
    found = np.full((41, 41), NONE)
    for rows, levels in blocks(vectors):
        assert levels.shape == (rows.stop - rows.start, rows.stop)
        found[rows, : rows.stop] = levels
    below = np.tril_indices(41, -1)
    assert np.abs(found[below] - (unit @ unit.T)[below] * SCALE).max() <= 0.51
    assert (found[np.triu_indices(41)] == NONE).all()


def test_equal_vectors_have_one_level_wherever_they_stand() -> None:
    vectors = np.random.default_rng(1).standard_normal((1, 384)).astype(np.float32).repeat(33, axis=0)
    assert {int(level) for _, levels in blocks(vectors) for level in levels[levels > NONE]} == {SCALE}
