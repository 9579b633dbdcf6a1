"""What a setting must keep to, in words: ``query_ms_p95<=20ms``, ``nDCG@10>=0.98*best``."""

import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from evalkit.arrays import Bools, Floats
from evalkit.errors import UserError, abridged, did_you_mean
from evalkit.results.column import Column
from evalkit.results.columns import FIGURES, column
from evalkit.results.in_words import figure
from evalkit.results.task_measures import TASK_MEASURES

BEST = "best"
MOST_SHOWN = 100  # characters of a constraint in a message
OPERATORS = MappingProxyType({"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt})
INSTEAD = {"=<": "<=", "≤": "<="}  # of what is no operator; >= of all others
WRITTEN = re.compile(r"\s*([^<>≤≥]+?)\s*(<=|>=|<|>)\s*([^<>=≤≥]+?)\s*")
OTHERWISE = re.compile(r"\s*([^<>≤≥]+?)\s*(==|=<|=>|!=|<>|≤|≥|=)\s*([^<>=≤≥]*?)\s*")
LIMIT = re.compile(r"(?:(?P<factor>[^*]+)\*\s*)?(?P<best>best)|(?P<number>.+)")
AMOUNT = re.compile(r"(?P<dollar>\$?)\s*(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(?P<unit>[^\s\d]*)")
KILO, KIBI = 1000.0, 1024.0
UNITS: Mapping[str, Mapping[str, float]] = {  # of a column → what may stand behind a number → how much of it that is
    "B": {
        **{"B": 1, "kB": KILO, "KB": KILO, "MB": KILO**2, "GB": KILO**3, "TB": KILO**4},
        **{"KiB": KIBI, "MiB": KIBI**2, "GiB": KIBI**3, "TiB": KIBI**4},
    },
    "ms": {"ms": 1, "s": 1000, "us": 0.001, "µs": 0.001},
    "s": {"s": 1, "ms": 0.001, "min": 60, "h": 3600},
    "1/s": {"/s": 1, "1/s": 1},
    "$": {"$": 1, "usd": 1, "USD": 1},
    "": {"%": 0.01},
}
DIMS = Column("dims", "leading components that are kept", higher_is_better=None, is_whole=True)


@dataclass(frozen=True)
class Constraint:
    """``text`` as it was given. The limit is ``number``, or ``number`` times the best where it is ``of_best``."""

    text: str
    column: Column
    comparison: str
    number: float
    of_best: bool = False

    def limit(self, values: Floats) -> float:
        """The limit where a column has these ``values``; NaN where none is known and so none is the best."""
        if not self.of_best:
            return self.number
        known = values[~np.isnan(values)]
        best = known.max if self.column.higher_is_better else known.min
        return float(self.number * best()) if len(known) else float("nan")

    def holds(self, values: Floats) -> Bools:
        """Which of ``values`` keep to it; NaN never does."""
        with np.errstate(invalid="ignore"):
            return np.asarray(OPERATORS[self.comparison](values, self.limit(values)), dtype=np.bool_)

    def miss(self, values: Floats) -> Floats:
        """By what share of the limit each of ``values`` breaks it: 0 where it holds, NaN where it is not known."""
        limit = self.limit(values)
        beyond = np.abs(values - limit) / (abs(limit) or 1.0)
        return np.where(self.holds(values), 0.0, beyond)

    def said(self, value: float) -> str:
        """``value`` of the column with its unit."""
        return f"{value:,.0f}" if self.column is DIMS else figure(self.column.name, value)


def parse(text: str, columns: Sequence[str]) -> Constraint:
    """The constraint ``text`` on one of ``columns``. Raises UserError for what can't be read as one."""
    shown = abridged(text, MOST_SHOWN)
    written = WRITTEN.fullmatch(text)
    wrong = OTHERWISE.fullmatch(text)
    if wrong and (written is None or wrong[2] in ("=<", "=>", "==", "!=")):
        way = INSTEAD.get(wrong[2], ">=")
        problem = f"'{shown}' compares by '{wrong[2]}', and only <=, >=, < and > can be."
        raise UserError(problem, f"Write {wrong[1]}{way}{wrong[3] or '<number>'}.")
    if written is None:
        raise UserError(
            f"'{shown}' is no constraint.", "Write <column><=<number>, as in query_ms_p95<=20 or nDCG@10>=0.98*best."
        )
    name, comparison, limit = written.groups()
    of = column_of(name, columns)
    number, of_best = limit_of(limit, of, shown)
    return Constraint(text.strip(), of, comparison, number, of_best)


def column_of(name: str, columns: Sequence[str]) -> Column:
    """The column called ``name``. Raises UserError where no run has it, with the nearest that one has."""
    if name == DIMS.name:
        return DIMS
    if name in columns:
        return column(name)
    if name in FIGURES:
        reason = FIGURES[name].why_null
        raise UserError(f"no run has measured {name}.", f"Why: {reason}." if reason else "")
    if task := next((task for task, names in TASK_MEASURES.items() if name in names), None):
        raise UserError(f"{name} is a measure of another task.", f"Add task={task}, if a run has it.")
    alike = {known.casefold(): known for known in columns}
    hint = f"Did you mean '{alike[name.casefold()]}'?" if name.casefold() in alike else did_you_mean(name, columns)
    raise UserError(f"no run has a column '{abridged(name, MOST_SHOWN)}'.", hint)


def limit_of(text: str, of: Column, shown: str) -> tuple[float, bool]:
    """The number of a limit, and whether it is times the best of its column."""
    parts = LIMIT.fullmatch(text)
    if parts and parts["best"]:
        if of.higher_is_better is None:
            raise UserError(f"'{shown}': neither way is better for {of.name}, so it has no best.", "Give a number.")
        return (amount(parts["factor"], "", shown) if parts["factor"] else 1.0), True
    return amount(text, of.unit, shown), False


def amount(text: str, unit: str, shown: str) -> float:
    """``20ms`` in ``unit``. Raises UserError for no number, and for a unit that is of something else."""
    parts = AMOUNT.fullmatch(text.strip())
    if parts is None:
        raise UserError(f"'{shown}': '{text.strip()}' is no number.", "Write a number, best, or 0.98*best.")
    named = parts["unit"] or parts["dollar"]
    known = UNITS.get(unit, {})
    if named and named not in known:
        takes = f"Known: {', '.join(known)}." if known else "Leave it out."
        raise UserError(f"'{shown}': '{named}' is no unit of {unit or 'a share'}.", takes)
    return float(parts["number"]) * (known[named] if named else 1.0)
