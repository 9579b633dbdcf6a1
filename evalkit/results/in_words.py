"""Settings and figures as a person would write them, the same in the terminal, the page, the Markdown and the gate.

data.js is the twin for the browser.
"""

import math
from decimal import Decimal

from evalkit.results.column import DIGITS, QUALITY_DIGITS
from evalkit.results.columns import column

SMALL = 0.1
SEPARATOR, PLUS = " · ", " + "
UNITS_OF_BYTES = ("B", "kB", "MB", "GB", "TB")
SPANS = (("s", 1, 90), ("min", 60, 90), ("h", 3600, 48), ("days", 86400, math.inf))  # unit, seconds, up to so many
WORDS_OF_CHANGE = {"B": ("larger", "smaller"), "$": ("dearer", "cheaper")}
OF_TIME = ("ms", "s", "1/s")
NAMES = {"flat": "exact", "hnsw": "HNSW", "ivf": "IVF", "bm25": "BM25", "random": "random order"}


def setting_words(model: str, dims: int | None, quantization: str, index: str) -> list[str]:
    """``["all-MiniLM-L6-v2", "256 dims", "int4", "exact + BM25"]``, to be joined; null dims where there are no vectors.

    ``index`` is its label: ``hnsw(efSearch=64)+bm25``.
    """
    if dims is None:
        return [PLUS.join([named(model), *index_parts(index)[1:]])]
    return [model, f"{dims} dims", quantization, *([index_words(index)] if index else [])]


def index_words(index: str) -> str:
    """``exact + BM25`` for ``flat+bm25``."""
    return PLUS.join(index_parts(index))


def index_parts(index: str) -> list[str]:
    """How it is searched, and the stages behind it: ``["exact", "BM25"]``."""
    return [named(part) for part in index.split("+")]


def named(part: str) -> str:
    """``hnsw(efSearch=64)`` as ``HNSW (efSearch=64)``; what has no better name keeps its own.

    What tells it from its namesakes (``flat · engine pgvector``) stays as it is.
    """
    label, dot, namesakes = part.partition(SEPARATOR)
    name, bracket, options = label.partition("(")
    words = f"{NAMES.get(name, name)} ({options}" if bracket else NAMES.get(name, name)
    return words + dot + namesakes


def advice(model: str, dims: int | None, quantization: str, index: str) -> str:
    """``all-MiniLM-L6-v2 at 256 dims, int4, with BM25``: the same within a sentence, exact search unsaid."""
    name, *vectors = setting_words(model, dims, quantization, index)
    if not vectors:
        return name
    width, stored, *searched = vectors  # where the task searches
    search, *stages = searched[0].split(PLUS) if searched else [NAMES["flat"]]
    parts = [width, stored, *([] if search == NAMES["flat"] else [search]), *(f"with {stage}" for stage in stages)]
    return f"{name} at {', '.join(parts)}"


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


def about(count: float) -> str:
    """``count`` by its first figure, or the first two: ``900``, ``1,200``."""
    digits = len(str(round(count))) - 2
    return f"{round(count, -digits) if digits > 0 else round(count):,.0f}"


def time_left(seconds: float) -> str:
    """``40 s``, ``1 min 20 s``, ``2 h 5 min``: rounded up, as what is still to wait."""
    whole = math.ceil(seconds)
    parts = [(whole // 3600, "h"), (whole // 60 % 60, "min"), (whole % 60 if whole < 3600 else 0, "s")]
    return " ".join(f"{count:,} {unit}" for count, unit in parts if count) or "0 s"


def counted(count: int) -> str:
    """``1 M``, ``2.5 M``, ``12,000``."""
    millions = count / 1_000_000
    return f"{millions:,g} M" if millions >= 1 and round(millions, 2) == millions else f"{count:,}"


def brief(name: str, value: float) -> str:
    """``value`` of the column ``name`` in a line of text: ``365.8 MB``, ``40 min``, ``120/s``, ``9.1 ms``."""
    shown = column(name)
    if shown.unit == "B" and shown.is_whole:
        return size(value)
    if shown.unit == "s":
        return duration(value)
    if shown.unit == "1/s":
        return f"{significant(value)}/s"
    return f"{significant(value)} ms" if shown.unit == "ms" else figure(name, value)


def significant(value: float) -> str:
    """Three figures of it, or all of a whole number's: ``0.0412``, ``9.1``, ``27,305``."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{Decimal(f'{value:.3g}').normalize():f}"


def size(value: float) -> str:
    """Bytes in the unit in which they are below 1,000: ``365.8 MB``."""
    power = min(len(UNITS_OF_BYTES) - 1, max(0, (len(str(int(value))) - 1) // 3))
    return f"{value / 1000**power:,.{1 if power else 0}f} {UNITS_OF_BYTES[power]}"


def duration(seconds: float) -> str:
    """In a unit that suits it: ``0.4 s``, ``40 min``, ``3.5 h``."""
    unit, of_unit, _ = next(span for span in SPANS if seconds < span[1] * span[2])
    value = seconds / of_unit
    return f"{value:.2g} {unit}" if value < 10 else f"{value:,.0f} {unit}"


def change(name: str, worsening: float) -> str:
    """How a figure of the column ``name`` changed: ``2.5 × slower``, ``12% larger``, ``4 × smaller``, ``the same``.

    ``worsening`` is the ratio in the bad direction.
    """
    shown = column(name)
    worse, better = WORDS_OF_CHANGE.get(shown.unit, ("lower", "higher") if shown.higher_is_better else ("more", "less"))
    if shown.unit in OF_TIME:
        worse, better = "slower", "quicker"
    elif shown.higher_is_better:  # of what falls, the share that is lost
        worsening, worse, better = 1 / worsening, better, worse
    ratio, word = (worsening, worse) if worsening >= 1 else (1 / worsening, better)
    if ratio >= 2:
        return f"{significant(ratio)} × {word}"
    share = round(100 * abs(worsening - 1))
    if share:
        return f"{share}% {word}"
    return "the same" if worsening == 1 else "about the same"
