"""The answer in one sentence: what it recommends, and what it says of how sure that is."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from evalkit.config import ReportConfig
from evalkit.reports.data.report import make_report
from tests.reports.conftest import Cell, WriteRun, noisy

CHEAP, DEAR = (64, "int8"), (256, "float32")
Config = Callable[..., ReportConfig]


def bytes_of(corpus: str, cell: Cell) -> Mapping[str, Any]:
    each = float((cell[0] or 0) * (4 if cell[1] == "float32" else 1))
    return {"bytes_per_vector": each, "bytes_per_document": each, "index_bytes": int(1_000 * each)}


def said(write_run: WriteRun, config: Config, cheap: np.ndarray, dear: np.ndarray, *overrides: str) -> tuple[str, str]:
    write_run(f"a{overrides}", {"c": {CHEAP: cheap, DEAR: dear}}, figures=bytes_of)
    sentence = make_report(config(*overrides)).sentence
    return sentence.answer, sentence.how_sure


def test_the_cheaper_of_two_that_are_alike_is_to_be_used_with_its_share_of_quality_and_cost(
    write_run: WriteRun, config: Config
) -> None:
    dear = noisy(0.7, 400)
    cheap = np.where(np.arange(400) % 50, dear, dear - 0.1)
    answer, how_sure = said(write_run, config, cheap, dear, "within=0.05")
    assert answer.startswith("Use m at 64 dims, int8: 99.7% of the best quality for ")
    assert answer.endswith(" a month for 1 M documents and 1 M queries).")
    assert re.fullmatch(r"It is shown to lose at most [1-4]\.\d% \(95% confidence\)\.", how_sure)


def test_what_has_no_cost_is_not_advised_where_something_as_good_has_one(
    write_run: WriteRun, config: Config
) -> None:
    """A database whose growth was not measured, say."""
    dear = noisy(0.7, 400)
    cheap = np.where(np.arange(400) % 50, dear, dear - 0.1)
    unpriced = {"tokens_per_second": None, "documents_per_second": None}

    def figures(corpus: str, cell: Cell) -> Mapping[str, Any]:
        return {**bytes_of(corpus, cell), **(unpriced if cell == DEAR else {})}

    write_run("a", {"c": {CHEAP: cheap, DEAR: dear}}, figures=figures)
    sentence = make_report(config("within=0.05")).sentence
    assert re.fullmatch(
        r"Use m at 64 dims, int8: 99\.7% of the best quality, for \$[\d.]+ a month for 1 M documents and 1 M queries; "
        r"what the best costs is not known\.",
        sentence.answer,
    )


def test_one_that_measured_as_good_is_recommended_and_said_to_be_no_more_than_that(
    write_run: WriteRun, config: Config
) -> None:
    dear = noisy(0.7, 400)
    noise = np.random.default_rng(1).normal(size=400) * 0.1
    answer, how_sure = said(write_run, config, dear + noise - noise.mean() - 0.002, dear)
    assert answer.startswith("Use m at 64 dims, int8: 99.7% of the best quality for ")
    assert how_sure.startswith("It may be just as good as the best, and loses at most ")


def test_what_measured_too_far_below_is_not_recommended_however_few_the_queries(
    write_run: WriteRun, config: Config
) -> None:
    dear = noisy(0.7, 10, seed=1)
    answer, how_sure = said(write_run, config, np.clip(dear - 0.1 + noisy(0.0, 10, seed=2, spread=0.3), 0, 1), dear)
    assert answer.startswith("Use m at 256 dims, float32: the best quality (nDCG@10 0.")
    assert how_sure.startswith("1 other setting is not shown to be worse: 10 independent queries can show ")
    assert how_sure.endswith(" would show 0.007.")


def test_a_worse_one_is_shown_to_be_worse(write_run: WriteRun, config: Config) -> None:
    dear = noisy(0.7, 300)
    answer, how_sure = said(write_run, config, dear - 0.1, dear)
    assert answer.startswith("Use m at 256 dims")
    assert how_sure == "Every other setting that was compared is shown to be worse."


def test_a_single_setting_beats_nobody(write_run: WriteRun, config: Config) -> None:
    write_run("a", {"c": {DEAR: noisy(0.7)}})
    assert make_report(config()).sentence.how_sure == "It is the only setting that was measured."


@pytest.mark.parametrize("queries", [10, 100])
def test_of_equal_settings_one_is_rarely_said_to_be_better(write_run: WriteRun, config: Config, queries: int) -> None:
    wrong = 0
    for seed in range(15):
        rng = np.random.default_rng(seed)
        hard = rng.random(queries)
        cells = {(64 * (i + 1), "int8"): np.clip(hard + rng.normal(size=queries) * 0.1, 0, 1) for i in range(4)}
        run = write_run(f"a{seed}", {"c": cells})
        wrong += "Every other" in make_report(config(f"runs=[{run}]")).sentence.how_sure
    assert wrong <= 2
