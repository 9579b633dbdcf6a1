"""What is said below a table of points on the terminal: what was left out, what is marked, and why figures are null."""

from collections.abc import Iterator, Mapping, Sequence

from rich.text import Text

from evalkit.errors import printable
from evalkit.results.column import Column
from evalkit.results.record import Point
from evalkit.results.setting import Key

UNTRAINED = "*"
DEEPER = "†"
P95 = ("query_ms_p95_at_workload", "query_ms_p95")  # the first that was measured
ALL_MORE = "python -m evalkit show"

Interval = tuple[float, float]


def more(points: Sequence[Point], most: int | None) -> list[Text]:
    """A line where not all ``points`` are shown."""
    left_out = len(points) - len(points[:most])
    return [Text(f"… {left_out:,} more: {printable(ALL_MORE)}")] if left_out else []


def without_quality(points: Sequence[Point], measure: str) -> Iterator[Text]:
    """A line for each reason why points have no quality, with the first of them and how many more there are."""
    by_reason: dict[str, list[str]] = {}
    for point in points:
        if point.figures.get(measure) is None:
            by_reason.setdefault(point.unmeasured.get(measure, ""), []).append(point.setting.label)
    for reason, labels in by_reason.items():
        more = f" and {len(labels) - 1:,} more" if len(labels) > 1 else ""
        yield Text(printable(f"{labels[0]}{more}: no {measure}: {reason or 'not measured'}"))


def caption(
    points: Sequence[Point], figures: Sequence[Mapping[Column, str]], measure: str, intervals: Mapping[Key, Interval]
) -> Iterator[Text]:
    """A line for each thing that a reader must know of the tables."""
    names = [shown.name for headers in figures for shown in headers]
    if any(point.setting.key in intervals for point in points):
        yield Text(f"Best first, {printable(measure)} with its 95% interval.")
    if P95[0] in names:
        yield Text("query p95 ms is modelled for workload.documents.")
    yield from without_quality(points, measure)
    if not all(point.dims_trained for point in points):
        yield Text(f"{printable(UNTRAINED)} the model was not trained to be cut to this width.")
    if any(DEEPER in header for headers in figures for header in headers.values()):
        served = points[0].setting.serve_k
        yield Text(f"{printable(DEEPER)} looks deeper than the {served:,} results that are served (serve_k).")
