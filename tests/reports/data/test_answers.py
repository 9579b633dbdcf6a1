"""The answer in words, the Pareto front against brute force, scopes that compare like with like, ranks with ties."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.config import ReportConfig
from evalkit.reports.data.answers import answers, cards, chart_labels, nothing_shown, pareto_front, unknown_of
from evalkit.reports.data.quality import Certainty, certainty
from evalkit.reports.data.ranking import rank_models, tied_ranks
from evalkit.reports.data.report import make_report
from evalkit.results.in_words import figure
from tests.reports.conftest import ENVIRONMENT, WriteRun, noisy

Config = Callable[..., ReportConfig]
few = st.integers(0, 5).map(float)  # few values, so that ties are common


@given(st.lists(st.tuples(few | st.just(np.nan), few | st.just(np.nan)), max_size=12))
def test_the_front_is_what_no_other_setting_beats(settings: list[tuple[float, float]]) -> None:
    def is_beaten(cost: float, quality: float) -> bool:
        no_worse = [(c, q) for c, q in settings if c <= cost and q >= quality]
        return any(c < cost or q > quality for c, q in no_worse)

    cost, quality = (np.array([s[i] for s in settings], dtype=float) for i in (0, 1))
    expected = [not np.isnan(c + q) and not is_beaten(c, q) for c, q in settings]
    assert pareto_front(cost, quality).tolist() == expected


TABLE = pd.DataFrame(
    {
        "cost_month_usd": [5.0, 4.0, 1.0, np.nan],
        "bytes_per_document": [1536.0, 384.0, 48.0, 96.0],
        "query_ms_p95_at_workload": [9.0, 9.0, 1.0, 2.0],
    }
)


def sure(mean: list[float], loss: list[float], p: list[float] | None = None) -> Certainty:
    """Certainty of settings that may lose these shares of the best's quality at most."""
    nothing = np.full(len(mean), np.nan)
    p_as_good = np.where(np.array(loss) > 0.5, 0.0, 1.0) if p is None else np.array(p)
    pairs = certainty(nothing, [nothing[:, None]], 0.05).pairs
    return Certainty(np.array(mean), nothing, nothing, p_as_good, np.array(loss), 0.0, pairs)


def rows(quality: Certainty, standard: str, within: float = 0.01) -> list[int | None]:
    found = answers(TABLE, quality, within, 0.05)
    return [answer.row for answer in found if answer.standard in (None, standard)]


def test_cheapest_smallest_and_fastest_must_be_shown_to_lose_little() -> None:
    quality = sure([0.80, 0.799, 0.5, 0.798], [0.0, 0.008, 0.6, 0.04])
    assert rows(quality, "shown") == [0, 1, 1, 0]
    assert rows(quality, "shown", within=0.7) == [0, 2, 2, 2]


def test_what_is_not_shown_to_be_worse_may_be_as_good() -> None:
    quality = sure([0.80, 0.799, 0.5, 0.798], [0.0, 0.008, 0.6, 0.04], [1.0, 0.9, 0.001, 0.3])
    assert rows(quality, "possible") == [0, 1, 3, 3]


def test_what_was_never_compared_is_neither_shown_nor_possible() -> None:
    quality = sure([0.80, 0.799, 0.798, 0.5], [0.0, np.nan, np.nan, np.nan], [1.0, np.nan, np.nan, np.nan])
    assert rows(quality, "shown") == rows(quality, "possible") == [0, 0, 0, 0]


def test_an_answer_says_of_how_many_as_good_its_figure_is_not_known() -> None:
    """The cheapest of those with a cost is not the cheapest of all; what is worse doesn't count."""
    found = answers(TABLE, sure([0.80, 0.799, 0.5, 0.798], [0.0, 0.008, 0.6, 0.04]), 0.01, 0.05)
    assert {answer.key: answer.unknown for answer in found if answer.unknown} == {"cheapest possible": 1}
    said = {answer.key: list(unknown_of(answer)) for answer in found}
    assert said["cheapest possible"] == ["1 other as good has no known cost"]
    assert said["cheapest shown"] == said["smallest possible"] == said["best quality"] == []


def test_a_setting_without_a_figure_does_not_answer_for_it() -> None:
    assert rows(sure([0.5, 0.5, 0.5, 0.9], [0.9, 0.9, 0.9, 0.0]), "shown") == [3, None, 3, 3]


def test_what_is_shown_to_lose_little_has_a_card_of_its_own_unless_it_is_the_best_or_is_possible_too() -> None:
    nothing = answers(TABLE, sure([0.80, 0.799, 0.5, 0.798], [0.0, 0.04, 0.6, 0.04], [1, 0.9, 0.001, 0.3]), 0.01, 0.05)
    assert [card.key for card in cards(nothing)] == [
        *("best quality", "cheapest possible", "smallest possible", "fastest possible")
    ]
    quality = sure([0.80, 0.799, 0.5, 0.798], [0.0, 0.008, 0.6, 0.04], [1, 0.9, 0.001, 0.3])
    assert nothing_shown(nothing, quality, 0.01) == (
        "Nothing cheaper, smaller or faster is shown to lose at most 1% of the best."
    )
    found = answers(TABLE, quality, 0.01, 0.05)
    assert [card.key for card in cards(found)] == [
        *("best quality", "cheapest shown", "smallest shown", "smallest possible", "fastest possible")
    ]
    assert chart_labels(cards(found), 1) == {
        0: "best",
        1: "recommended, cheapest, smallest shown",
        3: "smallest possible, fastest",
    }
    assert nothing_shown(found, quality, 0.01) == "Nothing faster is shown to lose at most 1% of the best."


def test_without_quality_nothing_is_answered() -> None:
    assert rows(sure([np.nan] * 4, [np.nan] * 4), "shown") == [None]


def test_of_equal_ones_the_better_answers() -> None:
    assert rows(sure([0.795, 0.80, 0.1, 0.1], [0.005, 0.0, 1.0, 1.0]), "shown")[3] == 1


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("cost_month_usd", 1234.567, "$1,234.57 a month"),
        ("cost_embed_once_usd", 0.01234, "$0.0123"),
        ("bytes_per_document", 1536.0, "1,536 B"),
        ("query_ms_p95", 9.14, "9.1 ms"),
        ("search_ms_p50", 0.0412, "0.0412 ms"),
        ("query_ms_p95", float("nan"), "– ms"),
    ],
)
def test_figures_read_as_people_write_them(column: str, value: float, expected: str) -> None:
    assert figure(column, value) == expected


def test_what_can_be_told_apart_is_said(write_run: WriteRun, config: Config) -> None:
    best, close, far = noisy(0.6), noisy(0.599, seed=1), noisy(0.3, seed=2)
    sizes = {"float32": 1536.0, "int8": 384.0, "binary": 48.0}
    write_run(
        "a",
        {"c": {(64, "float32"): best, (64, "int8"): close, (64, "binary"): far}},
        figures=lambda corpus, setting: {"bytes_per_document": sizes[setting[1]]},
    )
    report = make_report(config())
    said = {answer.key: report.words(answer) for answer in report.answers}
    best = said["best quality"]
    assert best.standing.startswith("1 of 2 other settings may be just as good; may look up to 0.0")
    assert best.standing.endswith(" better than it is, as the best of 3 on the same queries")
    assert (best.figure, best.size) == ("nDCG@10 0.6000", "1,536 B a document")
    assert said["smallest possible"].quality.endswith(", 99.83% of the best")
    assert said["smallest possible"].speed.startswith(
        "12.9 ms for a whole query (p95) among 1 M documents, modelled from"
    )
    assert said["smallest shown"].standing == "nothing smaller is shown to lose at most 1%"
    assert said["smallest possible"].figure == "384 B"
    assert said["smallest possible"].standing.startswith("may be just as good as the best (0.0010 below it)")
    report = make_report(config("within=0.9"))
    worse = next(report.words(answer) for answer in report.answers if answer.key == "smallest shown")
    assert worse.standing.startswith("shown to be worse than the best (0.3000 below it); loses at most 5")
    assert report.answers[1].title(0.005) == "Cheapest shown to lose at most 0.5%"


def test_every_other_setting_is_only_worse_where_all_were_compared(write_run: WriteRun, config: Config) -> None:
    write_run("a", {"c": {(64, "float32"): noisy(0.9), (64, "int8"): noisy(0.3, seed=1)}})
    assert "every other setting is shown to be worse" in str(
        make_report(config()).words(make_report(config()).answers[0])
    )
    folder = write_run("b", {"c": {(64, "float32"): noisy(0.2, seed=2)}}, model="n")
    (folder / "queries.parquet").unlink()
    report = make_report(config())
    said = report.words(report.answers[0]).standing
    assert "the one that was compared is shown to be worse" in said
    assert "1 of 2 was not compared" in said


def test_a_mean_is_over_the_corpora_that_all_models_have(write_run: WriteRun, config: Config) -> None:
    write_run("a", {c: {(64, "float32"): noisy(q)} for c, q in (("x", 0.4), ("y", 0.6), ("z", 0.99))})
    write_run("b", {c: {(64, "float32"): noisy(q)} for c, q in (("x", 0.5), ("y", 0.7))}, model="n")
    report = make_report(config())
    scope = report.scopes[0]
    assert (scope.name, scope.corpora) == ("mean of 2 corpora", ("x", "y"))
    assert report.table.set_index("model")["nDCG@10"].round(6).to_dict() == {"m": 0.5, "n": 0.6}
    assert [s.name for s in report.scopes[1:]] == ["x", "y", "z"]
    assert "z is left out of the mean: n was not measured on it." in report.warnings


def test_a_setting_without_one_of_the_corpora_is_listed_apart(write_run: WriteRun, config: Config) -> None:
    both = {c: {(64, "float32"): noisy(0.5)} for c in "xy"}
    both["x"] = {**both["x"], (32, "int8"): noisy(0.99)}
    write_run("a", both)
    report = make_report(config())
    assert report.scopes[0].incomplete == ("m · 32 dims · int8 · exact: not on y",)
    assert len(report.table) == 1


def test_a_model_that_shares_no_corpus_is_listed_apart(write_run: WriteRun, config: Config) -> None:
    write_run("a", {c: {(64, "float32"): noisy(0.5)} for c in "xy"})
    write_run("b", {c: {(64, "float32"): noisy(0.5)} for c in "xy"}, model="n")
    write_run("s", {"smoke": {(64, "float32"): noisy(0.9)}}, model="stray")
    report = make_report(config())
    assert report.scopes[0].corpora == ("x", "y")
    assert "stray: on no corpus that the others have" in report.scopes[0].incomplete


def test_models_that_cant_be_told_apart_share_a_rank(write_run: WriteRun, config: Config) -> None:
    for model, mean, seed in (("a", 0.6, 1), ("b", 0.599, 2), ("c", 0.4, 3), ("d", 0.399, 4)):
        write_run(model, {"x": {(64, "float32"): noisy(mean, seed=seed), (32, "float32"): noisy(0.1)}}, model=model)
    report = make_report(config())
    ranked = rank_models(report.scopes[0], report.gathered.points, "nDCG@10", 0.05)
    assert [(each.rank, each.setting) for each in ranked] == [
        (1, "a · 64 dims · float32 · exact"),
        (1, "b · 64 dims · float32 · exact"),
        (3, "c · 64 dims · float32 · exact"),
        (3, "d · 64 dims · float32 · exact"),
    ]


def ranks(*rows: np.ndarray) -> list[int | None]:
    values = np.stack(rows)
    return tied_ranks(np.arange(len(rows)), certainty(values.mean(axis=1), [values], 0.05), 0.05)


def test_a_rank_counts_those_that_are_shown_to_be_better() -> None:
    assert ranks(noisy(0.2, seed=1), noisy(0.9, seed=2), noisy(0.5, seed=3)) == [3, 1, 2]


def test_what_has_no_per_query_values_has_no_rank() -> None:
    unknown = np.full(60, np.nan)
    assert ranks(noisy(0.9, seed=1), unknown, noisy(0.5, seed=3)) == [1, None, 2]
    assert ranks(unknown) == [None]


def test_different_hardware_is_said_and_a_librarys_own_setting_is_not(write_run: WriteRun, config: Config) -> None:
    one = {"c": {(64, "float32"): noisy(0.5)}}
    write_run("a", one)
    write_run(
        "b", one, model="n", environment={**ENVIRONMENT, "threads": {"faiss": 2, "TOKENIZERS_PARALLELISM": "true"}}
    )
    assert not any("different machines" in warning for warning in make_report(config()).warnings)
    write_run("c", one, model="o", environment={**ENVIRONMENT, "cpu": {**ENVIRONMENT["cpu"], "model": "another"}})
    assert any("2 different machines: a, b; c" in warning for warning in make_report(config()).warnings)
