"""What a reader of the page can set: filters, which are the chart's legend too, and the numbers of the what-if."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from evalkit.formats.media import shown
from evalkit.reports.data.report import Report
from evalkit.reports.views.marks import Look, dims_name, marks_of, svg_path
from evalkit.results.in_words import index_words, named

FILTERS = ("model", "dims", "quantization", "index")
PLAIN = "#7a828c"
PLAIN_LOOK = Look(has_rim=False, opacity=1.0)


def filters(report: Report) -> Iterator[dict[str, Any]]:
    """One group of check boxes per part of a setting; each carries the mark that it has in the chart."""
    marks, circle = marks_of(report), svg_path("o")
    for column in FILTERS:
        names = report.gathered.points[column].unique().tolist()
        if names == [""]:  # of what searches nothing
            continue
        options = []
        for value in sorted(names) if column == "dims" else names:
            shape = svg_path(marks.shapes[value]) if column == "quantization" else circle
            colour = f"var(--m{marks.colours[value]})" if column == "model" else PLAIN
            size = marks.sizes[value] if column == "dims" else 14
            key = dims_name(value) if column == "dims" else value
            look = marks.looks[value]._asdict() if column == "index" else PLAIN_LOOK._asdict()
            words = option_words(column, key)
            options.append({"name": words, "value": key, "path": shape, "colour": colour, "size": size, **look})
        yield {"column": column, "options": options}


def option_words(column: str, name: str) -> str:
    """A filter's option as settings on the page have it."""
    return index_words(name) if column == "index" else named(name) if column == "model" else name


def what_if_fields(report: Report, prices: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The numbers that a reader may change: the workload, and the prices in use."""
    for name, value in vars(report.config.workload).items():
        if name != "storage":
            has_slider = name in ("documents", "queries_per_month")
            least = 1 if name in ("documents", "write_off_months", "replicas") else 0
            yield field(name.replace("_", " "), ["workload", name], value, least, has_slider, name.startswith("tokens"))
    for machine, price in prices["usd_per_hour"].items():
        yield field(f"$ per hour of {machine}", ["prices", "usd_per_hour", machine], price)
    storage = report.config.pricing.storage[report.config.workload.storage].name
    yield field(f"$ per GB and month of {storage}", ["prices", "usd_per_gb_month"], prices["usd_per_gb_month"])
    for model, price in prices["usd_per_million_tokens"].items():
        yield field(f"$ per million tokens of {model}", ["prices", "usd_per_million_tokens", model], price)


def field(
    label: str, path: list[str], value: float | None, least: int = 0, slider: bool = False, optional: bool = False
) -> dict[str, Any]:
    return {
        "label": label,
        "id": "-".join(path),
        "path": json.dumps(shown(path)),
        "value": "" if value is None else f"{value:.10g}",
        "least": least,
        "optional": "true" if optional else "false",
        "slider": round(float(np.log10(max(value or 1, 1))), 2) if slider else None,
    }
