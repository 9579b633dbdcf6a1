"""What the page's scripts work with: figures of all points, scopes, prices, and per-query values, as plain JSON."""

import base64
import gzip
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evalkit.errors import UserError
from evalkit.measures.laws import FIGURES as LAW_FIGURES
from evalkit.measures.laws import Law, Laws
from evalkit.reports.data.gather import NO_DIMS, NO_VECTORS
from evalkit.reports.data.report import Report
from evalkit.reports.data.scopes import Scope
from evalkit.reports.views.marks import marks_of
from evalkit.results.columns import AT_WORKLOAD, COSTS, DIGITS, DIRECTED, FIGURES

KEYS = ("model", "corpus", "quantization", "index")
BESIDE_FIGURES = ("cores", "ram_gb", "dims_trained", "is_hosted", "documents", "modelled_from", "modelled_to")
LARGEST_QUERY_VALUES = 400_000
LONGEST_QUERY_TEXT, ALL_QUERY_TEXTS = 300, 300_000
UNKNOWN, SCALE = 65_535, 10_000


def page_data(report: Report) -> dict[str, Any]:
    """Everything as one JSON value. Strings of many points are kept once, in ``names``, and numbered in ``columns``."""
    points = report.gathered.points
    numeric = [*report.gathered.measures, *FIGURES, *BESIDE_FIGURES]
    numbered = {key: pd.factorize(points[key]) for key in (*KEYS, "machine", "priced_as")}
    config, modelled = report.config, [*AT_WORKLOAD, *COSTS]
    return {
        "measure": config.measure,
        "cost": config.cost,
        "within": config.within,
        "alpha": config.alpha,
        "measures": list(report.gathered.measures),
        "modelled": modelled,
        "law_figures": list(LAW_FIGURES),
        "laws": [laws_data(laws) for laws in points["laws"]],
        "units": {name: figure.unit for name, figure in DIRECTED.items()},
        "higher_is_better": [name for name, figure in DIRECTED.items() if figure.higher_is_better],
        "digits": DIGITS,
        "names": {key: [str(name) for name in names] for key, (_, names) in numbered.items()},
        "columns": {
            **{key: codes.tolist() for key, (codes, _) in numbered.items()},
            "dims": rounded(points["dims"].where(points["dims"] != NO_DIMS).to_numpy(dtype=np.float64)),
            **{name: rounded(points[name]) for name in numeric if name in points and name not in modelled},
        },
        "scopes": [scope_data(scope) for scope in report.scopes],
        "marks": marks_of(report).as_json(),
        "no_vectors": NO_VECTORS,
        "workload": asdict(config.workload),
        "prices": prices(points),
        "queries": queries_data(report),
    }


def rounded(values: "pd.Series[Any] | npt.NDArray[np.float64]", digits: int = 7) -> list[float | int | None]:
    """Numbers of so many significant digits; null for NaN, whole numbers without a point."""
    numbers: list[float | int | None] = []
    for value in np.asarray(values, dtype=np.float64).tolist():
        short = float(f"{value:.{digits}g}")
        if math.isnan(value):
            numbers.append(None)
        else:
            numbers.append(int(short) if short.is_integer() else short)
    return numbers


def laws_data(laws: Laws) -> list[list[list[Any]]]:
    """Per figure its laws, each as data.js reads it: terms, where it holds from, and what was measured below that."""
    return [[law_data(law) for law in laws.get(name, ())] for name in LAW_FIGURES]


def law_data(law: Law) -> list[Any]:
    terms = dict(zip(law.terms, rounded(np.array(list(law.terms.values()))), strict=True))
    ends = rounded(np.array([law.vectors_per_document, law.holds_from, law.own_vectors, law.own]))
    return [{term: factor for term, factor in terms.items() if factor}, *ends[: 4 if law.holds_from else 1]]


def scope_data(scope: Scope) -> dict[str, Any]:
    names = ("low", "high", "p_as_good", "loss_at_most")
    return {
        "name": scope.name,
        "members": scope.members,
        "certainty": {
            measure: {**{name: rounded(getattr(certainty, name)) for name in names}, "chance": certainty.chance}
            for measure, certainty in scope.certainty.items()
        },
    }


def prices(points: pd.DataFrame) -> dict[str, Any]:
    """The prices behind the points: of each machine and hosted model in use, and of storage."""
    machines = points.drop_duplicates("machine").set_index("machine")["usd_per_hour"]
    hosted = points.dropna(subset="usd_per_million_tokens").drop_duplicates("priced_as").set_index("priced_as")
    return {
        "usd_per_hour": {str(name): rounded(pd.Series([price]))[0] for name, price in machines.items()},
        "usd_per_gb_month": float(points["usd_per_gb_month"].iloc[0]),
        "usd_per_million_tokens": {str(n): float(p) for n, p in hosted["usd_per_million_tokens"].items()},
    }


def queries_data(report: Report) -> dict[str, Any]:
    """corpus → query ids, texts and per-query values of the chosen measure, for as many points as there is room for."""
    chosen = points_with_queries(report)
    texts = query_texts(report)
    data = {}
    for corpus, queries in report.queries.items():
        rows = [row for row, point in enumerate(queries.points) if point in chosen]
        values = queries.values[report.config.measure][rows]
        whole = np.isfinite(values.sum(axis=1))
        if whole.any():
            data[corpus] = {
                "ids": queries.query_ids,
                "texts": [texts.get((corpus, query), "") for query in queries.query_ids],
                "points": [queries.points[row] for row, known in zip(rows, whole, strict=True) if known],
                "values": packed(values[whole]),
            }
    return data


def packed(values: npt.NDArray[np.float64]) -> str:
    """base64 of gzip of little-endian uint16: each value times 10,000, row by row."""
    scaled = np.round(values * SCALE).clip(0, UNKNOWN).astype("<u2")
    return base64.b64encode(gzip.compress(scaled.tobytes(), mtime=0)).decode("ascii")


def points_with_queries(report: Report) -> set[int]:
    """All points where they fit into 400,000 values; else those of the answers, the front and the best settings."""
    points, scope = report.gathered.points, report.scopes[0]
    length = {corpus: len(queries.query_ids) for corpus, queries in report.queries.items()}
    answering = [answer.row for answer in report.answers if answer.row is not None]
    order = [*answering, *np.flatnonzero(report.front), *np.argsort(-np.nan_to_num(report.quality.mean), kind="stable")]
    by_need = [point for row in order for point in scope.members[row]]
    chosen: set[int] = set()
    room = LARGEST_QUERY_VALUES
    for point in dict.fromkeys((*by_need, *range(len(points)))):
        room -= length[points["corpus"].iloc[point]]
        if room < 0:
            break
        chosen.add(point)
    return chosen


def query_texts(report: Report) -> Mapping[tuple[str, str], str]:
    """(corpus, query id) → text, where the run kept it: at most 300 characters each and 300,000 in all."""
    texts: dict[tuple[str, str], str] = {}
    room = ALL_QUERY_TEXTS
    labels = report.gathered.points.drop_duplicates(["run", "corpus"])
    for number, name, corpus in labels[["run", "corpus_name", "corpus"]].itertuples(index=False, name=None):
        if corpus in {known for known, _ in texts}:
            continue
        try:
            kept = report.gathered.runs[number].query_texts()
        except UserError:
            continue
        for query, text in kept.loc[kept["corpus"] == name, ["query_id", "text"]].itertuples(index=False, name=None):
            cut = text if len(text) <= LONGEST_QUERY_TEXT else text[:LONGEST_QUERY_TEXT] + "…"
            room -= len(cut)
            if room > 0:
                texts[corpus, query] = cut
    return texts
