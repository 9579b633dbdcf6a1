"""Every figure is declared once, and whatever lists figures is a view of that."""

from dataclasses import fields

import pytest

from evalkit.config.schema.run import CLIENTS
from evalkit.measures import cost, latency, laws, load
from evalkit.results.column import Column
from evalkit.results.columns import AT_WORKLOAD, COSTS, DIRECTED, FIGURES, LOAD, behind_a_stage, column, why_null
from evalkit.results.readme import BEGIN, BY_STAGE, renewed
from evalkit.results.record import POINT_FACTS, Point
from evalkit.results.setting import ABOUT, COLUMNS
from tests.conftest import ROOT

README = (ROOT / "results" / "README.md").read_text()


def test_what_measures_emit_is_declared() -> None:
    assert set(laws.COLUMNS) == set(AT_WORKLOAD)
    assert cost.FIGURES == COSTS
    assert {f"{name}_{clients}" for name in load.OF_CLIENTS for clients in CLIENTS} | set(load.OF_RATE) == set(LOAD)
    timed = {
        name for what in ("search", "encode_query", "query", "rerank") for name in latency.percentiles_ms(what, [1])
    }
    assert timed <= set(FIGURES)
    assert {f"search_ms_{statistic}" for statistic in latency.STATISTICS} <= timed


def test_every_column_of_a_setting_and_fact_of_a_point_is_explained() -> None:
    assert tuple(ABOUT) == COLUMNS
    assert set(POINT_FACTS) < {field.name for field in fields(Point)}


def test_the_readme_explains_the_columns_as_they_are_declared() -> None:
    renew = "python -m evalkit.results.readme results/README.md"
    assert renewed(README) == README, f"results/README.md is behind the columns: {renew}"
    assert renew in BEGIN


@pytest.mark.parametrize("figure", [*ABOUT, *POINT_FACTS, *FIGURES])
def test_the_readme_explains_every_column(figure: str) -> None:
    assert README.count(f"| `{figure}` |") == 1


@pytest.mark.parametrize("figure", FIGURES.values(), ids=lambda figure: figure.name)
def test_a_column_says_all_that_others_need(figure: Column) -> None:
    assert figure.about
    assert figure.by_stage in BY_STAGE
    assert figure.name.endswith("_usd") == (figure.unit == "$")
    if "_ms_" in figure.name:
        assert (figure.unit, figure.higher_is_better) == ("ms", False)
    if figure.samples:
        assert figure.name.endswith(f"_p{figure.percentile}")


def test_a_measure_of_quality_is_better_higher_and_has_four_digits() -> None:
    measure = column("nDCG@10")
    assert (measure.higher_is_better, measure.unit, measure.digits, measure.title) == (True, "", 4, "nDCG@10")
    assert "nDCG@10" not in DIRECTED


def test_a_null_figure_has_the_reason_of_its_point_or_of_its_column() -> None:
    figures = {"load_ms_p95_1": None, "peak_gpu_bytes": None, "index_bytes": 5}
    assert why_null(figures, {"peak_gpu_bytes": "it is no GPU"}) == {
        "load_ms_p95_1": "load.seconds=0 leaves out the clients at once",
        "peak_gpu_bytes": "it is no GPU",
    }


def test_a_stage_changes_each_figure_by_its_rule() -> None:
    search = {
        "index_bytes": 100,
        "documents_per_second": 30.0,
        "search_peak_rss_bytes": 7,
        "overlap@10": 0.9,
        "chunks_per_document": 2.0,
        "build_seconds": None,
    }
    stage = {"index_bytes": 20, "documents_per_second": 60.0, "search_peak_rss_bytes": 9, "build_seconds": 1.0}
    assert behind_a_stage(search, stage) == {
        "index_bytes": 120,
        "documents_per_second": pytest.approx(20.0),  # 1 / (1/30 + 1/60)
        "search_peak_rss_bytes": 9,
        "chunks_per_document": 2.0,
        "build_seconds": None,
    }
