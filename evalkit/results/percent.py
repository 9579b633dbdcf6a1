"""Shares as a reader wants them, wherever one is printed."""

import math

MOST_DIGITS = 6


def percent(share: float) -> str:
    """``share`` in per cent, with the fewest decimals that keep it apart from 0 and 100: ``0.5%``, ``99.9%``."""
    value = 100 * share
    room = 0.05 * min(abs(value), abs(100 - value))
    digits = next((digits for digits in range(MOST_DIGITS) if abs(round(value, digits) - value) <= room), MOST_DIGITS)
    return f"{value:.{digits}f}%"


def bound(share: float) -> str:
    """``share`` in per cent where it is the most that something may be, rounded up: ``0.9%``."""
    return f"{math.ceil(1000 * share - 1e-9) / 10:.1f}%"
