"""How settings look in every chart: colour for the model, shape for the quantization, size for the dims."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import log2
from typing import Any

import numpy as np

from evalkit.reports.data.gather import NO_DIMS, NO_VECTORS
from evalkit.reports.data.report import Report

# Ten colours that colour-blind readers can tell apart (Petroff 2021, arXiv:2107.02270), the order matplotlib's.
COLOURS = ("#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd")
SHAPES = ("o", "s", "^", "D", "P", "X", "v", "*", "p", "<", ">", "h", "d", "8", "H")
SMALLEST_PX, LARGEST_PX = 8.0, 20.0
PLAIN_PX = 14.0  # of a setting without vectors


@dataclass(frozen=True)
class Marks:
    """``colours``: model → hex; ``shapes``: quantization → a marker of matplotlib; ``sizes``: dims → pixels across."""

    colours: Mapping[str, str]
    shapes: Mapping[str, str]
    sizes: Mapping[int, float]

    def as_json(self) -> dict[str, Any]:
        """The same for the page, shapes as SVG paths."""
        paths = {name: svg_path(marker) for name, marker in self.shapes.items()}
        sizes = {dims_name(dims): pixels for dims, pixels in self.sizes.items()}
        return {"colours": dict(self.colours), "shapes": paths, "sizes": sizes}


def dims_name(dims: int) -> str:
    """How filters and the legend call a width."""
    return NO_VECTORS if dims == NO_DIMS else str(dims)


def marks_of(report: Report) -> Marks:
    """The marks of everything in a report."""
    points = report.gathered.points
    return marks(points["model"].unique(), points["quantization"].unique(), points["dims"].unique().tolist())


def marks(models: Iterable[str], quantizations: Iterable[str], dims: Iterable[int]) -> Marks:
    """Marks in the order given; where there are more names than colours or shapes, they come round again."""
    widths = sorted({width for width in dims if width != NO_DIMS}) or [1]
    span = log2(widths[-1] / widths[0]) or 1.0
    step = (LARGEST_PX - SMALLEST_PX) / span
    sizes = {width: SMALLEST_PX + log2(width / widths[0]) * step for width in widths}
    return Marks(
        colours={model: COLOURS[i % len(COLOURS)] for i, model in enumerate(models)},
        shapes={name: SHAPES[i % len(SHAPES)] for i, name in enumerate(quantizations)},
        sizes={NO_DIMS: PLAIN_PX, **sizes},
    )


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
