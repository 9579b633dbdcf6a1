"""Figures of tasks: those that may be below 0 are read again, others are not."""

import pytest

from evalkit.formats.json_shapes import defect_at
from evalkit.results.column import Column
from evalkit.results.columns import FIGURES
from evalkit.results.shape import POINT
from evalkit.results.task_columns import OF_TASKS


@pytest.mark.parametrize("figure", OF_TASKS, ids=lambda figure: figure.name)
def test_only_cosines_and_differences_may_be_below_0(figure: Column) -> None:
    shape = {f"{figure.name}?": POINT[f"{figure.name}?"]}
    assert not defect_at("", {figure.name: 0.5}, shape)
    is_signed = "threshold" in figure.name or figure.name == "popularity_bias"
    assert bool(defect_at("", {figure.name: -0.5}, shape)) == (not is_signed)


def test_no_other_figure_is_below_0() -> None:
    assert {name for name, figure in FIGURES.items() if figure.is_signed} <= {figure.name for figure in OF_TASKS}
