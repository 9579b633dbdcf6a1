"""How settings look in every chart: colour for the model, shape for the quantization, size for the dims.

A dark rim shows stages behind the search, a paler fill an approximate one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from math import log2
from typing import Any, NamedTuple

import numpy as np

from evalkit.reports.data.gather import NO_DIMS, NO_VECTORS
from evalkit.reports.data.labels import SEPARATOR
from evalkit.reports.data.report import Report

# Ten colours that colour-blind readers can tell apart (Petroff 2021, arXiv:2107.02270), the order matplotlib's.
COLOURS = ("#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd")
# The same in order, lighter where a dark page would swallow them.
IN_THE_DARK = (
    "#5aa5ea",
    "#ffb838",
    "#f4654c",
    "#a9b8b6",
    "#bb7cea",
    "#cf8f7c",
    "#ff8b3a",
    "#cabd80",
    "#9499a5",
    "#92dadd",
)
SHAPES = ("o", "s", "^", "D", "P", "X", "v", "*", "p", "<", ">", "h", "d", "8", "H")
SMALLEST_PX, LARGEST_PX = 8.0, 20.0
PLAIN_PX = 14.0  # of a setting without vectors
WHOLE_SEARCH = ("flat", "exact", "bm25", "random", "")  # the last searches nothing
PALE = 0.5


class Look(NamedTuple):
    """Whether marks of an index have a dark rim, and how opaque they are."""

    has_rim: bool
    opacity: float


@dataclass(frozen=True)
class Marks:
    """``colours``: model → its place in ``COLOURS``; ``shapes``: quantization → a marker of matplotlib; ``sizes``:
    dims → pixels across; ``looks``: index → ``Look``.
    """

    colours: Mapping[str, int]
    shapes: Mapping[str, str]
    sizes: Mapping[int, float]
    looks: Mapping[str, Look]

    def as_json(self) -> dict[str, Any]:
        """The same for the page, shapes as SVG paths."""
        paths = {name: svg_path(marker) for name, marker in self.shapes.items()}
        sizes = {dims_name(dims): pixels for dims, pixels in self.sizes.items()}
        return {"colours": dict(self.colours), "shapes": paths, "sizes": sizes, "looks": dict(self.looks)}


def dims_name(dims: int) -> str:
    """How filters and the legend call a width."""
    return NO_VECTORS if dims == NO_DIMS else str(dims)


def marks_of(report: Report) -> Marks:
    """The marks of everything in a report."""
    points = report.gathered.points
    names = (points[column].unique().tolist() for column in ("model", "quantization", "dims", "index"))
    return marks(*names)


def marks(models: Iterable[str], quantizations: Iterable[str], dims: Iterable[int], indexes: Iterable[str]) -> Marks:
    """A model has its colour in every report; shapes are in the order given. Where there are more names, both come
    round again.
    """
    widths = sorted({width for width in dims if width != NO_DIMS}) or [1]
    span = log2(widths[-1] / widths[0]) or 1.0
    step = (LARGEST_PX - SMALLEST_PX) / span
    sizes = {width: SMALLEST_PX + log2(width / widths[0]) * step for width in widths}
    return Marks(
        colours=colours(models),
        shapes={name: SHAPES[i % len(SHAPES)] for i, name in enumerate(quantizations)},
        sizes={NO_DIMS: PLAIN_PX, **sizes},
        looks={index: look(index) for index in indexes},
    )


def colours(models: Iterable[str]) -> dict[str, int]:
    """The colour of each model by the sha256 of its name; of two that would share one, the later in order of names
    takes the next that is free.
    """
    taken: dict[str, int] = {}
    free: set[int] = set()
    for model in sorted(models):
        free = free or set(range(len(COLOURS)))
        wanted = int(sha256(model.partition(SEPARATOR)[0].encode("utf-8", "surrogatepass")).hexdigest(), 16)
        taken[model] = min(free, key=lambda place: (place - wanted) % len(COLOURS))
        free.remove(taken[model])
    return taken


def look(index: str) -> Look:
    """How settings with the index of this label look."""
    search, *stages = index.partition(SEPARATOR)[0].split("+")
    without_engine = search.partition("(")[0].rpartition(" ")[2]
    return Look(bool(stages), 1.0 if without_engine in WHOLE_SEARCH else PALE)


def palette_css() -> str:
    """``--m0`` and on, in the light and in the dark."""
    light, dark = (
        ";".join(f"--m{i}:{colour}" for i, colour in enumerate(palette)) for palette in (COLOURS, IN_THE_DARK)
    )
    return f":root{{{light}}}@media (prefers-color-scheme: dark){{:root{{{dark}}}}}"


def svg_path(marker: str) -> str:
    """matplotlib's marker as the ``d`` of an SVG path, from -1 to 1 in both directions, y downwards."""
    from matplotlib.markers import MarkerStyle
    from matplotlib.path import Path

    letters = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C", Path.CLOSEPOLY: "Z"}
    style = MarkerStyle(marker)
    path = style.get_path().transformed(style.get_transform())
    largest = np.abs(np.asarray(path.vertices)).max()
    parts = []
    for vertices, code in path.iter_segments(simplify=False, curves=True):
        numbers = [] if code == Path.CLOSEPOLY else np.reshape(vertices, (-1, 2)) / largest * (1, -1)
        parts.append(letters[code] + " ".join(f"{x:.3g},{y:.3g}" for x, y in numbers))
    return "".join(parts)
