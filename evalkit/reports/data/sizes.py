"""How quality, and the share of full precision that a setting keeps, change with a corpus's size: measured, predicted.

Full precision is the model's native width in float32, searched exactly without stages, among as many documents.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from evalkit.arrays import Floats
from evalkit.measures.growth import MOST_TIMES, Growth, growth
from evalkit.measures.resampling import Codes
from evalkit.reports.data.gather import NO_DIMS, SETTING
from evalkit.reports.data.quality import Rows, aligned, certainty, point_rows
from evalkit.reports.data.report import Report
from evalkit.reports.data.scopes import setting_name, unfiltered
from evalkit.reports.data.sentence import advice_of
from evalkit.reports.data.uses import native_dims
from evalkit.results.in_words import counted
from evalkit.results.percent import percent
from evalkit.results.setting import FAISS

EXACT, FULL_PRECISION = "flat", "float32"
FAR = 10  # times the documents of the corpus: a workload of more is one that nothing was measured for


@dataclass(frozen=True)
class SizeCurves:
    """What one model's settings reach on one corpus at ``sizes`` (numbers of documents, ascending).

    ``points`` are the settings' places in the report's table of points, ``quality`` their means with bounds (settings ×
    sizes × 3). ``shares`` is what they keep of full precision, ``scores`` the same of a perfect score;
    both come from ``values`` (sizes × settings × queries) of which ``full`` is the setting of full precision. ``own`` is how
    many documents the corpus itself has: beyond that they are those of ``distractors``.
    """

    model: str
    corpus: str
    distractors: str
    own: int
    sizes: tuple[int, ...]
    points: tuple[int, ...]
    names: tuple[str, ...]
    quality: Floats
    shares: Growth
    scores: Growth
    values: Floats
    full: int
    clusters: Codes
    alpha: float

    @property
    def full_values(self) -> Floats:
        """The scores at full precision (sizes × queries)."""
        return np.asarray(self.values[:, self.full])

    @property
    def largest(self) -> int:
        return self.sizes[-1]

    @cached_property
    def ahead(self) -> Floats:
        """Sizes that are predicted, up to ten times the largest measured one."""
        return self.largest * np.geomspace(1, MOST_TIMES, 9)

    def shares_at(self, size: float) -> Floats:
        """(share, low, high) of each setting; NaN where that is not known, or too little of it to tell anything.

        Full precision keeps all of itself at any size, where it finds anything.
        """
        told = self.shares.told(size, self.alpha)
        if np.isfinite(self.shares.shares[self.full, -1]):
            told[self.full] = 1.0
        return told

    def scores_at(self, size: float) -> Floats:
        """(score, low, high) of each setting, as ``shares_at`` has shares; NaN with distractors.

        These are easier to tell apart than more of the corpus's own would be, so that the slope through both is
        neither's: Cranfield's with SciFact's abstracts held what was measured in 16% of settings (benchmarks/size.py).
        """
        told = self.scores.told(size, self.alpha)
        return np.full_like(told, np.nan) if self.distractors else told

    @property
    def note(self) -> str:
        """What documents of another corpus mean; empty without them."""
        if not self.distractors:
            return ""
        return (
            f"Beyond {self.own:,} documents {self.corpus} is filled with those of {self.distractors}, which answer none "
            "of its questions: they are easier to tell apart than more of its own would be, so real growth costs more."
        )


def size_curves(report: Report) -> list[SizeCurves]:
    """Of every model and corpus of which several sizes were measured."""
    gathered, measure = report.gathered, report.config.measure
    if gathered.samples.empty:
        return []
    whole = unfiltered(gathered.points)
    together = pd.concat([whole.assign(place=whole.index), gathered.samples.assign(place=-1)], ignore_index=True)
    together = together[together[measure].notna() & (together["dims"] != NO_DIMS) & (together["filter"] == "")]
    curves: list[SizeCurves] = []
    for (model, corpus), points in together.groupby(["model", "whole_corpus"], sort=False):
        added = [name for name in points["distractors"].unique() if name] or [""]
        for name in added:
            of_these = points[points["distractors"].isin(["", name])]
            curves += curves_of(report, str(model), str(corpus), str(name), of_these)
    return curves


def curves_of(report: Report, model: str, corpus: str, distractors: str, points: pd.DataFrame) -> Iterator[SizeCurves]:
    """One, or none where fewer than two sizes have full precision, or values of each query."""
    measure, alpha = report.config.measure, report.config.alpha
    cells = points.reset_index(names="row").pivot_table("row", SETTING, "documents", aggfunc="first", sort=False)
    cells = with_full_precision(report, cells[sorted(cells.columns)], points)
    full = full_places(report, cells, points)
    if cells.shape[1] < 2 or not full:
        return
    places = cells.to_numpy(dtype=np.int64)
    used = points.loc[places.ravel()]
    rows: dict[int, Rows] = {}
    for number, of_run in used.groupby("run"):
        rows |= point_rows(report.gathered.runs[int(str(number))], of_run, (measure,))
    queries = aligned(tuple(places.ravel().tolist()), rows, (measure,))
    values = queries.values[measure].reshape(*places.shape, -1)
    if not values.shape[2] or np.isnan(values).any():
        return
    values, sizes = np.moveaxis(values, 1, 0), tuple(int(size) for size in cells.columns)
    sure = [certainty(at_size.mean(axis=1), [at_size], alpha, [queries.drawn]) for at_size in values]
    ranked = points.loc[places.ravel(), "place"].to_numpy().reshape(places.shape).max(axis=1)
    first = points.iloc[0]
    corpora = report.gathered.runs[int(first["run"])].about["corpora"]
    own = next(each["documents"] for each in corpora if each["name"] == first["corpus_name"])
    yield SizeCurves(
        model=model,
        corpus=corpus,
        distractors=distractors,
        own=int(own),
        sizes=sizes,
        points=tuple(int(place) for place in ranked),
        names=tuple(setting_name(*setting) for setting in cells.index),
        quality=np.stack([np.stack([each.mean, each.low, each.high], axis=1) for each in sure], axis=1),
        shares=growth(list(values), list(values[:, full[0]]), queries.drawn, sizes),
        scores=growth(list(values), list(np.ones_like(values[:, 0])), queries.drawn, sizes),
        values=values,
        full=full[0],
        clusters=queries.drawn,
        alpha=alpha,
    )


def with_full_precision(report: Report, cells: pd.DataFrame, points: pd.DataFrame) -> pd.DataFrame:
    """``cells`` (settings × sizes) at the sizes that full precision has, of the settings that have all of these."""
    sizes = [cells.columns[cells.iloc[place].notna()] for place in full_places(report, cells, points)]
    return cells[max(sizes, key=len, default=cells.columns[:0])].dropna()


def full_places(report: Report, cells: pd.DataFrame, points: pd.DataFrame) -> list[int]:
    """Which rows of ``cells`` are of full precision."""
    rows = (row[np.isfinite(row)] for row in cells.to_numpy(dtype=np.float64))
    return [n for n, row in enumerate(rows) if len(row) and is_full(report, points.loc[int(row[-1])].to_dict(), points)]


def is_full(report: Report, point: Mapping[Any, Any], points: pd.DataFrame) -> bool:
    """Whether ``point`` is one of full precision."""
    is_plain = (point["engine"], point["index_name"], point["operating_point"], point["stages"]) == (FAISS, EXACT, "", "")
    return bool(
        is_plain and point["quantization_name"] == FULL_PRECISION and point["dims"] == native_dims(report, points)
    )


def lines_at_size(report: Report, row: int | None) -> list[str]:
    """What must be known of the setting in ``row`` of the report's table among as many documents as the workload has:
    what it is expected to keep of full precision, and a warning where its smallest corpus is not nearly as large.
    """
    if row is None or not report.config.searches:
        return []
    workload = report.config.workload.documents
    lines = [line for curves in report.size_curves for line in predicted(report, curves, row, workload)]
    members = report.gathered.points.loc[list(report.scopes[0].members[row])]
    smallest = members.iloc[int(members["documents"].to_numpy().argmin())]
    of_corpus = f" of {smallest['whole_corpus']}" if len(members) > 1 else ""
    return [*lines, *too_far(smallest["documents"], of_corpus, workload, bool(report.size_curves))]


def predicted(report: Report, curves: SizeCurves, row: int, workload: int) -> Iterator[str]:
    """What is expected of the setting by ``curves``, where they have it, it isn't full precision itself, the workload is
    larger than they are, and the queries tell enough.
    """
    members = report.scopes[0].members[row]
    place = next((i for i, point in enumerate(curves.points) if point in members), None)
    last = MOST_TIMES * curves.largest
    size = min(workload, last)
    if place in (None, curves.full) or workload <= curves.largest:
        return
    if np.isnan(share := curves.shares_at(size)[place]).any():
        return
    name, sure = advice_of(report.table.iloc[row]), percent(1 - curves.alpha)
    seen = f"{percent(curves.shares.shares[place, -1])} seen at {curves.largest:,}"
    mean, low, high = share
    of_distractors = f" {curves.note}" if curves.note else ""
    expected = (
        f"At {counted(size)} documents {name} is expected to keep {percent(mean)} [{100 * low:.1f}, {100 * high:.1f}] of "
        f"full precision on {curves.corpus} instead of the {seen} ({sure} confidence).{of_distractors}"
    )
    if workload > last:
        expected += f" At the workload's {counted(workload)} that is not known: it was measured up to {curves.largest:,}."
    yield expected


def too_far(measured: float, of_corpus: str, workload: int, has_sizes: bool) -> Iterator[str]:
    """The warning of a workload that is far larger than the ``measured`` documents."""
    if workload <= FAR * measured:
        return
    how = "distractors=<corpus> adds documents" if has_sizes else "corpus_sizes=[…,full] shows how much"
    more = "" if has_sizes else ", and distractors=<corpus> adds documents"
    yield (
        f"Warning: quality was measured among {measured:,.0f} documents{of_corpus}, and the workload has {counted(workload)}: "
        f"quality falls among more, and what smaller vectors keep of it may fall, too; {how}{more}."
    )
