"""Reports over several tasks: one at a time, and which setting serves all uses. How often its name is wrong."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.arrays import Floats
from evalkit.config import ReportConfig
from evalkit.config.compose import compose
from evalkit.errors import UserError
from evalkit.measures.kept import kept_shares
from evalkit.reports.data.recommendation import recommend
from evalkit.reports.data.report import make_report
from evalkit.reports.data.uses import Use, shown_to_serve
from tests.reports.conftest import WriteRun, noisy

Config = Callable[..., ReportConfig]
BYTES = {"float32": 4.0, "int8": 1.0, "binary": 0.125}
SHARES = {(64, "float32"): 1.0, (64, "int8"): 0.999, (32, "int8"): 0.97, (64, "binary"): 0.7}


def sized(_: str, cell: tuple[int, str]) -> dict[str, Any]:
    return {"bytes_per_vector": cell[0] * BYTES[cell[1]]}


def scaled(full: Floats, shares: dict[tuple[int, str], float] = SHARES) -> dict[tuple[int, str], Floats]:
    return {cell: full * share for cell, share in shares.items()}


@pytest.fixture
def two_tasks(write_run: WriteRun) -> WriteRun:
    """One model's searches, with an index that is not exact beside, and its classification of 4,000 texts."""
    full = noisy(0.6, queries=4_000)
    write_run("a", {"c": scaled(full)}, figures=sized)
    write_run("b", {"c": scaled(0.9 * full)}, figures=sized, index="hnsw")
    rights = (np.random.default_rng(1).random(4_000) < 0.8).astype(float)
    texts = scaled(rights) | {(64, "binary"): rights * 0.95}
    write_run("t", {"x": texts}, task="classification", measure="accuracy", figures=sized)
    return write_run


@pytest.mark.usefixtures("two_tasks")
def test_settings_of_one_task_are_ranked_by_its_own_measure_and_cost(config: Config) -> None:
    report = make_report(config())
    assert (report.config.task, report.config.measure, report.config.cost) == ("retrieval", "nDCG@10", "cost_month_usd")
    assert len(report.table) == 8
    (other,) = report.others
    assert (other.config.task, other.config.measure, other.config.cost) == (
        *("classification", "accuracy"),
        "bytes_per_vector",
    )
    assert other.sentence.answer.startswith("Use m at 64 dims, int8: 99.9% of the best quality in 25% of its bytes")
    assert str(other.words(other.answers[0])).startswith("m · 64 dims · float32; accuracy")
    chosen = make_report(config("task=classification"))
    assert (chosen.config.measure, [each.config.task for each in chosen.others]) == ("accuracy", ["retrieval"])
    assert make_report(config("measure=accuracy")).config.task == "classification"


@pytest.mark.usefixtures("two_tasks")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("task=clasification", "no run has task=clasification. Did you mean 'classification'?"),
        ("measure=acuracy", "no run has measured acuracy. Did you mean 'accuracy'?"),
        ("cost=selectivity", "cost=selectivity is no figure with a better side."),
    ],
)
def test_a_wrong_word_is_answered_with_the_nearest(config: Config, words: str, said: str) -> None:
    with pytest.raises(UserError) as refused:
        make_report(config(words))
    assert refused.value.sentences.startswith(said)


@pytest.mark.usefixtures("two_tasks")
def test_the_smallest_setting_that_serves_all_uses_is_named(config: Config) -> None:
    (uses,) = make_report(config()).uses
    assert [(s.dims, s.quantization) for s in uses.settings] == [
        *((64, "float32"), (64, "int8"), (32, "int8")),
        (64, "binary"),
    ]
    int8 = uses.settings[1]
    assert int8.shares["retrieval"].share == pytest.approx(0.999)  # of exact search alone: HNSW's are 0.9 of it
    assert int8.shares["retrieval"].low < 0.999 < int8.shares["retrieval"].high
    assert (uses.shown.dims, uses.shown.quantization, uses.possible) == (64, "int8", None)
    assert uses.settings[-1].shares["classification"].share == pytest.approx(0.95)
    assert uses.sentence == (
        "The smallest that serves all is m at 64 dims, int8, 64 instead of 256 bytes per vector: retrieval and "
        "classification are shown to keep at least 99% of full quality (95% confidence)."
    )
    (loose,) = make_report(config("within=0.35")).uses
    assert (loose.shown.dims, loose.shown.quantization) == (64, "binary")


def test_few_items_show_nothing_though_all_measured_the_same(write_run: WriteRun, config: Config) -> None:
    full = noisy(0.6, queries=20)
    write_run("a", {"c": scaled(full)}, figures=sized)
    write_run("t", {"x": scaled(full)}, task="pairs", measure="spearman", figures=sized)
    (uses,) = make_report(config()).uses
    assert uses.shown is uses.settings[0]
    assert uses.sentence.startswith("Nothing smaller than m at 64 dims, float32 is shown to keep 99% of full quality")
    may_be = "m at 64 dims, int8 (64 bytes) may serve all, too: it measured 99.9% or more, which is not shown."
    assert uses.sentence.endswith(may_be)


def test_a_setting_that_one_use_lacks_serves_no_team(write_run: WriteRun, config: Config) -> None:
    full = noisy(0.6, queries=4_000)
    write_run("a", {"c": scaled(full)}, figures=sized)
    write_run("t", {"x": scaled(full)}, task="pairs", measure="spearman", figures=sized)
    lacking = {cell: share for cell, share in SHARES.items() if cell != (64, "int8")}
    write_run("u", {"y": scaled(full, lacking)}, task="clustering", measure="v_measure", figures=sized)
    (uses,) = make_report(config()).uses
    assert uses.shown is uses.settings[0]
    int8 = uses.settings[1]
    assert (int8.quantization, set(int8.shares), int8.is_shown) == ("int8", {"retrieval", "pairs"}, False)


def test_several_corpora_of_a_task_count_as_their_mean(write_run: WriteRun, config: Config) -> None:
    full = noisy(0.6, queries=100)
    write_run("a", {"c": scaled(full)}, figures=sized)
    halved = {cell: 0.5 * share for cell, share in SHARES.items()} | {(64, "float32"): 1.0}
    write_run("t", {"x": scaled(full), "y": scaled(full, halved)}, task="pairs", measure="spearman", figures=sized)
    (uses,) = make_report(config()).uses
    assert uses.settings[1].shares["pairs"].share == pytest.approx((0.999 + 0.4995) / 2)


def test_one_task_alone_has_no_uses_to_serve(write_run: WriteRun, config: Config) -> None:
    write_run("t", {"x": scaled(noisy(0.6))}, task="pairs", measure="spearman", figures=sized)
    report = make_report(config())
    assert (report.config.task, report.uses, report.others) == ("pairs", [], ())


@pytest.mark.usefixtures("two_tasks")
def test_a_setting_of_a_task_is_recommended_by_bytes(results: Path) -> None:
    found = recommend(compose("recommend", [f"results_dir={results}", "task=classification"]), ["accuracy>=0.99*best"])
    assert found.row is not None
    assert (found.by.name, found.name(found.row)) == ("bytes_per_vector", "m at 64 dims, int8")


def test_the_measure_of_a_correlation_may_be_below_nought(write_run: WriteRun, config: Config) -> None:
    values = np.random.default_rng(0).normal(-0.5, 2, 200)
    write_run("t", {"x": {(64, "float32"): values}}, task="pairs", measure="spearman")
    report = make_report(config())
    error = values.std(ddof=1) / np.sqrt(200)
    assert report.quality.low[0] == pytest.approx(values.mean() - 1.972 * error, abs=1e-3)
    assert report.quality.high[0] == pytest.approx(values.mean() + 1.972 * error, abs=1e-3)


def named_wrongly(items: int, widths: int, cases: int, alpha: float = 0.05) -> float:
    """How often a setting is shown to keep 99 % in both of two uses though it truly keeps just less in one.

    The worst case: in every width the second quantization keeps 98.99 % in one use, by losses of its own, and 99.9 % in
    the other; smaller ones keep no more.
    """
    rng, wrong = np.random.default_rng(items + widths), 0
    cells = [(64 * 2**width, quantization) for width in range(widths) for quantization in ("float32", "int8", "binary")]
    cells.sort(key=lambda cell: -cell[0] * BYTES[cell[1]])
    for case in range(cases):
        uses = [use(rng, items, cells, poor=case % 2 == number, seed=case) for number in range(2)]
        shown = shown_to_serve(uses, cells, 0.99, alpha)
        wrong += any(cell[1] != "float32" for cell in shown)
    return wrong / cases


def use(rng: np.random.Generator, items: int, cells: Sequence[tuple[int, str]], poor: bool, seed: int) -> Use:
    full = (rng.random(items) < 0.9).astype(float)
    kept = {cells[0]: full}
    for dims in {dims for dims, _ in cells}:
        stays = rng.random(items)
        for quantization in BYTES:
            lost = 0.0 if quantization == "float32" else 0.0101 if poor else 0.001
            kept[dims, quantization] = full * (stays >= lost)
    shares = kept_shares([np.stack([kept[cell] for cell in cells])], [full], [np.arange(items)], seed)
    return Use("t", "m", ("c",), float(full.mean()), tuple(cells), dict.fromkeys(cells, 1.0), shares)


@pytest.mark.parametrize("widths", [1, 4])
def test_what_is_shown_to_serve_all_seldom_keeps_less(widths: int) -> None:
    assert named_wrongly(items=600, widths=widths, cases=60) <= 0.05 + 0.05
