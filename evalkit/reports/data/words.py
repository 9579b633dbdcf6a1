"""Figures as a reader wants them, the same in the page, the Markdown and (data.js is the twin) the browser."""

import math

from evalkit.results.columns import DIGITS, QUALITY_DIGITS, column

SMALL = 0.1


def figure(name: str, value: float) -> str:
    """``value`` of the column ``name`` with its unit: ``$1.23 a month``, ``384 B``, ``9.1 ms``."""
    unit = column(name).unit
    text = number(value, unit)
    if unit != "$":
        return f"{text} {unit}".strip()
    return f"${text} a month" if "_month" in name else f"${text}"


def number(value: float, unit: str) -> str:
    """``value`` with as many decimals as its unit deserves; a dash for what is not known."""
    if math.isnan(value):
        return "–"
    digits = DIGITS.get(unit, QUALITY_DIGITS)
    return f"{value:,.{QUALITY_DIGITS if digits and 0 < abs(value) < SMALL else digits}f}"
