"""What each use keeps of full quality at every width and quantization, and the smallest setting that serves all uses.

Full quality is that of a model's native width in float32; searches are exact, among all documents and without stages.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from evalkit.arrays import Floats
from evalkit.measures.kept import KeptShares, kept_shares
from evalkit.reports.data.gather import NO_DIMS
from evalkit.reports.data.report import Report
from evalkit.reports.data.terms import Terms
from evalkit.results.in_words import advice
from evalkit.results.percent import percent
from evalkit.results.setting import FAISS, RETRIEVAL, WHOLE

EXACT, FULL = "flat", "float32"
Cell = tuple[int, str]  # dims, quantization


@dataclass(frozen=True)
class Use:
    """What one task says of a model: the mean of ``measure`` at full quality, and what ``cells`` keep of it."""

    task: str
    measure: str
    corpora: tuple[str, ...]
    full: float
    cells: tuple[Cell, ...]
    sizes: Mapping[Cell, float]
    kept: KeptShares

    def place(self, cell: Cell) -> int:
        return self.cells.index(cell)


class Share(NamedTuple):
    """A share of full quality with its interval, which holds for itself."""

    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Setting:
    """``bytes_per_vector`` is the most that any use keeps; ``shares`` are by task, those that measured it.

    ``is_shown`` says that the setting is shown to serve all uses, ``may_be`` that it measured so.
    """

    dims: int
    quantization: str
    bytes_per_vector: float
    shares: Mapping[str, Share]
    is_shown: bool
    may_be: bool


@dataclass(frozen=True)
class Uses:
    """All uses of one model's vectors. ``settings`` are from the largest to the smallest; the first is full quality."""

    model: str
    uses: tuple[Use, ...]
    settings: tuple[Setting, ...]
    within: float
    alpha: float

    @property
    def shown(self) -> Setting:
        """The smallest that is shown to serve all; full quality does in any case."""
        return min((s for s in self.settings if s.is_shown), key=lambda s: s.bytes_per_vector)

    @property
    def possible(self) -> Setting | None:
        """The smallest that measured so, where it is smaller than what is shown."""
        smaller = [s for s in self.settings if s.may_be and s.bytes_per_vector < self.shown.bytes_per_vector]
        return min(smaller, key=lambda s: s.bytes_per_vector, default=None)

    @property
    def sentence(self) -> str:
        """The smallest setting that serves all uses, and how sure that is."""
        shown, full, kept = self.shown, self.settings[0], percent(1 - self.within)
        tasks = " and ".join(filter(None, (", ".join(u.task for u in self.uses[:-1]), self.uses[-1].task)))
        sure = f"{percent(1 - self.alpha)} confidence"
        if shown is full:
            of_full = f"{kept} of full quality in {tasks} ({sure})"
            text = f"Nothing smaller than {self.name(full)} is shown to keep {of_full}."
        else:
            text = (
                f"The smallest that serves all is {self.name(shown)}, {shown.bytes_per_vector:,.0f} instead of "
                f"{full.bytes_per_vector:,.0f} bytes per vector: {tasks} are shown to keep at least {kept} of full "
                f"quality ({sure})."
            )
        possible = self.possible
        if possible is None:
            return text
        least = min(share.share for share in possible.shares.values())
        return (
            f"{text} {self.name(possible)} ({possible.bytes_per_vector:,.0f} bytes) may serve all, too: it measured "
            f"{percent(least)} or more, which is not shown."
        )

    def name(self, setting: Setting) -> str:
        return advice(self.model, setting.dims, setting.quantization, "")


def uses_of(report: Report) -> list[Uses]:
    """Of every model whose vectors several tasks of a report have judged at full quality, and in another setting."""
    reports = (report, *report.others)
    models = dict.fromkeys(model for each in reports for model in plain_points(each)["vectors"])
    found = []
    for model in models:
        uses = tuple(use for each in reports if (use := use_of(each, str(model))))
        full = {use.cells[0] for use in uses}
        if len(uses) > 1 and len(full) == 1:
            settings = settings_of(uses, report.config)
            if len(settings) > 1:
                found.append(Uses(str(model), uses, settings, report.config.within, report.config.alpha))
    return found


def plain_points(report: Report) -> pd.DataFrame:
    """Points that tell what vectors are worth by themselves: of searches the exact ones, with nothing behind them."""
    points = report.gathered.points
    points = points[(points["dims"] != NO_DIMS) & points[report.config.measure].notna()]
    is_exact = (points["engine"] == FAISS) & (points["index_name"] == EXACT) & (points["operating_point"] == "")
    is_plain = (points["stages"] == "") & (points["filter"] == "")
    return points[(points["task"] != RETRIEVAL) | (is_exact & is_plain)]


def use_of(report: Report, model: str) -> Use | None:
    """What one task says of the vectors of ``model``; null where it lacks full quality, or values of each item.

    Where documents were split in several ways, whole ones count, else the first way.
    """
    points = plain_points(report)
    points = points[points["vectors"] == model].sort_values("chunking", key=lambda c: c != WHOLE, kind="stable")
    points = points[points["model"] == points["model"].iloc[0]] if len(points) else points
    widest = points[(points["dims"] == native_dims(report, points)) & (points["quantization_name"] == FULL)]
    if widest.empty:
        return None
    full = cell_of(widest.iloc[0])
    corpora = tuple(widest["corpus"].unique())
    inside = points[points["corpus"].isin(corpora)].reset_index(names="point")
    places = inside.pivot_table("point", ["dims", "quantization"], "corpus", sort=False, aggfunc="first").dropna()
    rows = zip(places.index, (row for _, row in places[list(corpora)].iterrows()), strict=True)
    measured: dict[Cell, list[Floats]] = {(int(d), str(q)): values_of(report, corpora, row) for (d, q), row in rows}
    known = {cell: values for cell, values in measured.items() if all(np.isfinite(v).all() and len(v) for v in values)}
    if full not in known:
        return None
    cells = (full, *(cell for cell in known if cell != full))
    kept = [np.stack([known[cell][i] for cell in cells]) for i in range(len(corpora))]
    clusters = [report.queries[corpus].drawn for corpus in corpora]
    shares = kept_shares(kept, known[full], clusters)
    mean = float(np.mean([values.mean() for values in known[full]]))
    by_size = inside.sort_values("bytes_per_vector", na_position="first", kind="stable")  # the most counts
    sizes = {cell_of(point): float(point["bytes_per_vector"]) for _, point in by_size.iterrows()}
    if np.isnan(shares.shares[0]):
        return None
    measure = report.config.measure
    return Use(report.config.task, measure, corpora, mean, cells, {cell: sizes[cell] for cell in cells}, shares)


def native_dims(report: Report, points: pd.DataFrame) -> int:
    """The width of whole vectors, as runs recorded it; of older runs the largest that was measured."""
    widths = [0]
    for run, name in points[["run", "model_name"]].drop_duplicates().itertuples(index=False, name=None):
        models = report.gathered.runs[run].about["models"]
        widths += [int(model.get("native_dims") or 0) for model in models if model["name"] == name]
    return max(widths) or int(points["dims"].max() if len(points) else 0)


def cell_of(point: "pd.Series[Any]") -> Cell:
    return int(point["dims"]), str(point["quantization"])


def values_of(report: Report, corpora: Sequence[str], row: "pd.Series[float]") -> list[Floats]:
    """The values of each item of a setting, whose ``row`` has its point on each of ``corpora``."""
    queries = [report.queries[corpus] for corpus in corpora]
    measure = report.config.measure
    return [own.values[measure][own.points.index(int(row[name]))] for own, name in zip(queries, corpora, strict=True)]


def settings_of(uses: Sequence[Use], config: Terms) -> tuple[Setting, ...]:
    """Every setting that several uses have, full quality first, then from the largest to the smallest."""
    full, least = uses[0].cells[0], 1 - config.within
    several = [cell for cell in dict.fromkeys(cell for use in uses for cell in use.cells) if is_in(cell, uses) > 1]
    size = {cell: max(use.sizes[cell] for use in uses if cell in use.cells) for cell in several}
    order = sorted(several, key=lambda cell: (cell != full, -size[cell], -cell[0]))
    shown = shown_to_serve(uses, [cell for cell in order if is_in(cell, uses) == len(uses)], least, config.alpha)
    settings = []
    for cell in order:
        shares = {use.task: share_of(use, cell, config.alpha) for use in uses if cell in use.cells}
        may_be = len(shares) == len(uses) and all(share.share >= least for share in shares.values())
        settings.append(Setting(*cell, size[cell], shares, cell in shown, may_be))
    return tuple(settings)


def is_in(cell: Cell, uses: Sequence[Use]) -> int:
    return sum(cell in use.cells for use in uses)


def share_of(use: Use, cell: Cell, alpha: float) -> Share:
    place = use.place(cell)
    if not place:
        return Share(1.0, 1.0, 1.0)
    low, high = use.kept.at_least(alpha / 2)[place], use.kept.at_most(alpha / 2)[place]
    return Share(float(use.kept.shares[place]), float(low), float(high))


def shown_to_serve(uses: Sequence[Use], cells: Sequence[Cell], least: float, alpha: float) -> set[Cell]:
    """Those of ``cells``, full quality first and larger ones before smaller ones, that keep ``least`` in every use.

    Each width is tested from its largest quantization down, and no further than the first that fails: so a width errs
    no more often than one test does (a fixed sequence; Maurer, Hothorn and Lehmacher 1995). Widths share ``alpha``. A
    setting must pass in every use, which needs no share of its own (intersection-union; Berger 1982).
    """
    widths = list(dict.fromkeys(dims for dims, _ in cells))
    level = min(alpha / 2, alpha / len(widths))
    bounds = [use.kept.at_least(level) for use in uses]
    return {cells[0], *(cell for width in widths for cell in passing(uses, bounds, of_width(cells, width), least))}


def of_width(cells: Sequence[Cell], width: int) -> list[Cell]:
    return [cell for cell in cells if cell[0] == width]


def passing(uses: Sequence[Use], bounds: Sequence[Floats], cells: Sequence[Cell], least: float) -> Iterator[Cell]:
    for cell in cells:
        places = [use.place(cell) for use in uses]
        if any(place and not bound[place] >= least for place, bound in zip(places, bounds, strict=True)):
            return
        yield cell
