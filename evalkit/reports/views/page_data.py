"""What the page's scripts work with: figures of all points, scopes, prices, and per-query values, as plain JSON."""

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from evalkit.measures.enough_queries import FEW_QUERIES
from evalkit.measures.laws import FIGURES as LAW_FIGURES
from evalkit.measures.laws import Law, Laws
from evalkit.reports.data.answers import questions
from evalkit.reports.data.gather import NO_DIMS, NO_VECTORS
from evalkit.reports.data.report import Report
from evalkit.reports.data.sentence import price
from evalkit.reports.views.certainty_data import scopes_data
from evalkit.reports.views.figures import rounded
from evalkit.reports.views.marks import marks_of
from evalkit.reports.views.queries_data import queries_data
from evalkit.results.column import DIGITS
from evalkit.results.columns import AT_WORKLOAD, COSTS, DIRECTED, FIGURES
from evalkit.results.headings import heading
from evalkit.results.in_words import index_parts, named

KEYS = ("model", "corpus", "quantization", "index")
BESIDE_FIGURES = ("cores", "ram_gb", "dims_trained", "is_hosted", "documents", "modelled_from", "modelled_to")


def page_data(report: Report) -> dict[str, Any]:
    """Everything as one JSON value. Strings of many points are kept once, in ``names``, and numbered in ``columns``."""
    points = report.gathered.points
    numeric = [*report.gathered.measures, *FIGURES, *BESIDE_FIGURES]
    numbered = {key: pd.factorize(points[key]) for key in (*KEYS, "machine", "priced_as")}
    config, modelled = report.config, [*AT_WORKLOAD, *COSTS]
    return {
        "searches": config.searches,
        "items": config.items,
        "questions": dict(questions(config)),
        "price": price(config),
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
        "headings": {name: heading(name) for name in (*report.gathered.measures, *DIRECTED)},
        "words": {
            "model": [named(name) for name in numbered["model"][1]],
            "index": [index_parts(name) for name in numbered["index"][1]],
        },
        "few_queries": FEW_QUERIES,
        "names": {key: [str(name) for name in names] for key, (_, names) in numbered.items()},
        "columns": {
            **{key: codes.tolist() for key, (codes, _) in numbered.items()},
            "dims": rounded(points["dims"].where(points["dims"] != NO_DIMS).to_numpy(dtype=np.float64)),
            **{name: rounded(points[name]) for name in numeric if name in points and name not in modelled},
        },
        "scopes": list(scopes_data(report)),
        "marks": marks_of(report).as_json(),
        "no_vectors": NO_VECTORS,
        "workload": asdict(config.workload),
        "prices": prices(points),
        "queries": queries_data(report),
    }


def laws_data(laws: Laws) -> list[list[list[Any]]]:
    """Per figure its laws, each as data.js reads it: terms, where it holds from, and what was measured below that."""
    return [[law_data(law) for law in laws.get(name, ())] for name in LAW_FIGURES]


def law_data(law: Law) -> list[Any]:
    terms = dict(zip(law.terms, rounded(np.array(list(law.terms.values()))), strict=True))
    ends = rounded(np.array([law.vectors_per_document, law.holds_from, law.own_vectors, law.own]))
    return [{term: factor for term, factor in terms.items() if factor}, *ends[: 4 if law.holds_from else 1]]


def prices(points: pd.DataFrame) -> dict[str, Any]:
    """The prices behind the points: of each machine and hosted model in use, and of storage."""
    machines = points.drop_duplicates("machine").set_index("machine")["usd_per_hour"]
    hosted = points.dropna(subset="usd_per_million_tokens").drop_duplicates("priced_as").set_index("priced_as")
    return {
        "usd_per_hour": {str(name): rounded(pd.Series([price]))[0] for name, price in machines.items()},
        "usd_per_gb_month": float(points["usd_per_gb_month"].iloc[0]),
        "usd_per_million_tokens": {str(n): float(p) for n, p in hosted["usd_per_million_tokens"].items()},
    }
