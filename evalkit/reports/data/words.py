"""Figures as a reader wants them, the same in the page, the Markdown and (data.js is the twin) the browser."""

from evalkit.results.columns import DIRECTED

DIGITS = {"$": 2, "B": 0, "ms": 1, "1/s": 0, "s": 2}
SMALL, SMALL_DIGITS = 0.1, 4


def figure(column: str, value: float) -> str:
    """``value`` of ``column`` with its unit: ``$1.23 a month``, ``384 B``, ``9.1 ms``."""
    unit = unit_of(column)
    text = number(value, unit)
    if unit != "$":
        return f"{text} {unit}".strip()
    return f"${text} a month" if "_month" in column else f"${text}"


def number(value: float, unit: str) -> str:
    """``value`` with as many decimals as its unit deserves; a dash for what is not known."""
    if value != value:  # NaN
        return "–"
    digits = DIGITS.get(unit, SMALL_DIGITS)
    return f"{value:,.{SMALL_DIGITS if digits and 0 < abs(value) < SMALL else digits}f}"


def unit_of(column: str) -> str:
    return DIRECTED[column].unit if column in DIRECTED else ""
