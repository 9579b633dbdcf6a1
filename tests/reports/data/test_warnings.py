"""What a reader must know before believing the page."""

from types import SimpleNamespace
from typing import Any

from evalkit.reports.data.warnings import notes


def test_notes_of_points_are_said_once_for_the_measures_of_the_report() -> None:
    served = "looks deeper than the 10 results that are served (serve_k)"
    points = [{"notes": {"R@100": served, "AP@100": served, "overlap@100": served}}, {"notes": {"R@100": served}}, {}]
    run = SimpleNamespace(about={"points": points})
    gathered: Any = SimpleNamespace(runs=(run, run), measures=("nDCG@10", "R@100", "AP@100"))
    assert list(notes(gathered)) == [f"R@100, AP@100: {served}."]
