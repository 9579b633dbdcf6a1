"""Costs are the documented formulas of what was measured; a missing price or figure is never 0."""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from evalkit.config import PricingConfig, ReportConfig, WorkloadConfig
from evalkit.config.checks.run import check_cost
from evalkit.config.compose import compose
from evalkit.errors import UserError
from evalkit.measures.cost import FIGURES, Tariff, costs, crossing, tariff, why_no_cost

DOCS = (Path(__file__).resolve().parents[2] / "docs" / "cost.md").read_text()
EXAMPLE = yaml.safe_load(re.search(r"<!-- recomputed by the tests -->\n```yml\n(.*?)```", DOCS, re.DOTALL)[1])
PRICES = EXAMPLE["prices"]
HERE = Tariff("m", PRICES["usd_per_hour"], PRICES["usd_per_gb_month"], PRICES["cores"], PRICES["ram_gb"])
HOSTED = replace(HERE, hosted="h", usd_per_million_tokens=PRICES["usd_per_million_tokens"])
CPU = {"logical_cores": 2, "physical_cores": 2}


def composed(*overrides: str) -> ReportConfig:
    return compose("report", overrides)


@pytest.mark.parametrize(("prices", "expected"), [(HERE, EXAMPLE["here"]), (HOSTED, EXAMPLE["hosted"])])
def test_the_documented_example(prices: Tariff, expected: Mapping[str, float]) -> None:
    found = costs(EXAMPLE["figures"], WorkloadConfig(**EXAMPLE["workload"]), prices)
    assert tuple(found) == FIGURES == tuple(expected)
    assert {name: round(float(value), 4) for name, value in found.items()} == pytest.approx(expected, abs=5e-5)


def test_the_example_step_by_step() -> None:
    """The same figures from the sentences below the example, in dollars and hours."""
    hours = 2_000_000 * 200 / 5_000 / 3_600
    assert EXAMPLE["here"]["cost_embed_once_usd"] == pytest.approx(hours * 0.10, abs=5e-5)
    assert EXAMPLE["here"]["cost_embed_month_usd"] == pytest.approx(2.2222 / 10 + 2.2222 / 12 + 2.2222 * 0.05, abs=5e-4)
    assert EXAMPLE["here"]["cost_storage_month_usd"] == pytest.approx(
        (2 * 768_003_072 / 1e9 - 2.5 / 730 * 4.38) * 3, abs=5e-5
    )
    assert EXAMPLE["hosted"]["cost_queries_month_usd"] == pytest.approx(12 * 0.02 + 0.5 * 0.10, abs=5e-5)
    assert crossing(5_000, 0.10, 0.02).tokens_per_month == pytest.approx(3.65e9)
    assert crossing(5_000, 0.10, 0.02).capacity == pytest.approx(13.14e9)


def test_a_machine_that_costs_more_per_token_at_full_use_never_becomes_cheaper() -> None:
    assert crossing(100, 1.0, 0.02).tokens_per_month == math.inf
    assert crossing(100, 1.0, 0.0).tokens_per_month == math.inf  # hosted for nothing


def test_a_machine_without_a_price_meets_nothing_that_is_known() -> None:
    assert math.isnan(crossing(100, math.nan, 0.02).tokens_per_month)


def test_a_model_that_counts_no_tokens_is_priced_by_the_documents_it_encodes() -> None:
    figures = {**EXAMPLE["figures"], "tokens_per_document": None, "tokens_per_second": None, "documents_per_second": 25}
    workload = WorkloadConfig(**EXAMPLE["workload"])
    assert costs(figures, workload, HERE)["cost_embed_once_usd"] == pytest.approx(2_000_000 / 25 / 3_600 * 0.10)
    assert math.isnan(costs(figures, workload, HOSTED)["cost_embed_once_usd"])
    longer = WorkloadConfig(**{**EXAMPLE["workload"], "tokens_per_document": 400})
    assert math.isnan(costs(figures, longer, HERE)["cost_embed_once_usd"])


def test_many_points_at_once_cost_what_each_costs_alone() -> None:
    columns = {name: np.array([value, value * 2.0]) for name, value in EXAMPLE["figures"].items()}
    workload = WorkloadConfig(**EXAMPLE["workload"])
    together = costs(columns, workload, HERE)
    for i in range(2):
        alone = costs({name: values[i] for name, values in columns.items()}, workload, HERE)
        assert {name: values[i] for name, values in together.items()} == pytest.approx(alone)


def test_a_machine_is_paid_by_the_share_of_its_cores_that_work_and_whole_where_that_is_not_known() -> None:
    workload = WorkloadConfig(**EXAMPLE["workload"])
    larger = replace(HERE, cores=16)
    of_many = costs(EXAMPLE["figures"], workload, larger)
    assert of_many["cost_embed_once_usd"] == pytest.approx(2.2222 * 2 / 16, abs=5e-5)
    assert of_many["cost_queries_month_usd"] == pytest.approx(1e6 * (7.2 * 2 + 3.6) / 16 / 3.6e6 * 0.1)
    unknown = {**EXAMPLE["figures"], "encode_cores": None, "search_cores": None}
    assert costs(unknown, workload, larger)["cost_queries_month_usd"] == pytest.approx(1e6 * 10.8 / 3.6e6 * 0.1)


def test_memory_that_comes_with_a_machine_is_not_paid_twice() -> None:
    always_on = WorkloadConfig(**{**EXAMPLE["workload"], "machine_hours_per_month": 730})
    assert costs(EXAMPLE["figures"], always_on, HERE)["cost_storage_month_usd"] == 0  # 1.5 GB in two machines of 4.38
    small = replace(HERE, ram_gb=0.5)
    assert costs(EXAMPLE["figures"], always_on, small)["cost_storage_month_usd"] == pytest.approx((1.536006 - 1) * 3)
    config = composed("workload.storage=ssd")
    assert tariff(config.pricing, config.workload, "m", "cpu", CPU).ram_gb == 0
    assert tariff(composed().pricing, config.workload, "m", "cpu", CPU).ram_gb == 0
    assert tariff(composed().pricing, WorkloadConfig(), "m", "cpu", CPU).ram_gb == pytest.approx(
        4 * 2**30 / 1e9, abs=0.01
    )


def test_hours_that_are_paid_anyway_are_a_floor_for_queries() -> None:
    workload = WorkloadConfig(**{**EXAMPLE["workload"], "machine_hours_per_month": 730})
    assert costs(EXAMPLE["figures"], workload, HERE)["cost_queries_month_usd"] == pytest.approx(2 * 73)


def test_given_tokens_replace_measured_ones() -> None:
    workload = WorkloadConfig(**EXAMPLE["workload"], tokens_per_document=400.0, tokens_per_query=24.0)
    found = costs(EXAMPLE["figures"], workload, HOSTED)
    assert found["cost_embed_once_usd"] == pytest.approx(16)
    assert found["cost_queries_month_usd"] == pytest.approx(0.48 + 0.05)


@pytest.mark.parametrize(
    ("missing", "without"),
    [
        ("index_bytes_at_workload", {"cost_storage_month_usd", "cost_month_usd"}),
        ("search_ms_mean_at_workload", {"cost_queries_month_usd", "cost_month_usd"}),
        ("tokens_per_second", {"cost_embed_once_usd", "cost_embed_month_usd", "cost_month_usd"}),
    ],
)
def test_a_missing_figure_leaves_its_costs_out_and_is_named(missing: str, without: set[str]) -> None:
    figures = {**EXAMPLE["figures"], missing: None}
    found = costs(figures, WorkloadConfig(**EXAMPLE["workload"]), HERE)
    assert {name for name, value in found.items() if math.isnan(value)} == without
    assert all(missing in why_no_cost(figures)[name] for name in without)


def test_no_price_for_the_machine_leaves_out_all_but_storage() -> None:
    prices = tariff(PricingConfig(storage=composed().pricing.storage), WorkloadConfig(), "m", "cpu", CPU)
    found = costs(EXAMPLE["figures"], WorkloadConfig(), prices)
    assert {name for name, value in found.items() if not math.isnan(value)} == {"cost_storage_month_usd"}
    assert "usd_per_hour" in why_no_cost(EXAMPLE["figures"])["cost_month_usd"]


@pytest.mark.parametrize(
    ("device", "cores", "expected"),
    [
        ("cpu", 1, "AWS c7a.large"),
        ("cpu", 2, "AWS c7a.large"),
        ("cpu", 3, "AWS c7a.xlarge"),
        ("cpu", 500, "this machine"),
        ("NVIDIA H200", 16, "RunPod H200"),
        ("NVIDIA L4", 4, "AWS g6.xlarge"),
        ("NVIDIA L40S", 4, "this machine"),
        ("NVIDIA A100-SXM4-80GB", 4, "RunPod A100 80 GB"),
        ("Tesla T4", 4, "AWS g4dn.xlarge"),
        ("mps", 8, "this machine"),
    ],
)
def test_the_nearest_machine_is_of_the_same_kind(device: str, cores: int, expected: str) -> None:
    config = composed()
    prices = tariff(config.pricing, config.workload, "m", device, {"logical_cores": cores, "physical_cores": cores})
    assert prices.machine == expected
    assert math.isnan(prices.usd_per_hour) == (expected == "this machine")


def test_an_own_price_goes_before_the_list() -> None:
    config = composed("pricing.usd_per_hour=0.5")
    assert tariff(config.pricing, config.workload, "m", "cpu", CPU).usd_per_hour == 0.5
    assert tariff(config.pricing, config.workload, "m", "mps", CPU).usd_per_hour == 0.5


def test_a_hosted_model_is_priced_by_its_tokens() -> None:
    config = composed()
    prices = tariff(config.pricing, config.workload, "text-embedding-3-small", "hosted", CPU)
    assert (prices.priced_as, prices.usd_per_million_tokens) == ("text-embedding-3-small", 0.02)


@pytest.mark.parametrize("override", ["pricing.machine=aws_c7a_lage", "workload.storage=rom"])
def test_a_misspelt_machine_or_storage_is_refused(override: str) -> None:
    config = composed(override)
    with pytest.raises(UserError, match=r"has no price.*\n.*(aws_c7a_large|ram)"):
        check_cost(config.pricing, config.workload)


def test_what_is_billed_by_the_gib_is_priced_by_the_gb() -> None:
    storage = composed().pricing.storage
    assert storage["ram"].usd_per_gb_month == pytest.approx(0.004445 * 730 * 1e9 / 2**30, abs=5e-6)
    assert storage["ssd"].usd_per_gb_month == pytest.approx(0.08 * 1e9 / 2**30, abs=5e-7)


def test_every_price_has_a_page_and_the_day_it_was_read() -> None:
    pricing = composed().pricing
    prices: list[Any] = [*pricing.machines.values(), *pricing.storage.values(), *pricing.models.values()]
    assert len(prices) >= 20
    assert [p.name for p in prices if not (p.source or "").startswith("https://") or not p.read_on] == []
