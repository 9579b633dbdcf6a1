"""Shares are never rounded to nothing or to all."""

import pytest

from evalkit.results.percent import percent


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.9, "90%"), (0.998, "99.8%"), (0.005, "0.5%"), (0.01, "1%"), (0.95, "95%"), (0.0, "0%"), (1.0, "100%")],
)
def test_a_share_is_printed_with_as_many_digits_as_it_takes(share: float, text: str) -> None:
    assert percent(share) == text
