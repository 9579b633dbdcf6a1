"""A measure's value must not depend on how deep rankings happen to go."""

from pathlib import Path

import ir_measures
import pytest
from ir_measures.measures import registry

from evalkit.__main__ import main
from evalkit.errors import UserError
from evalkit.measures.depth import check_depth, check_relevant
from evalkit.measures.quality import KNOWN_MEASURES, parse_measures

PARAMETERS = {"recall": 0.1, "max_rel": 3}
JUDGED = {"q": {f"d{i}": int(i % 3 > 0) for i in range(20)}}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("AP", "AP@100"),
        ("AP(rel=2)", "AP(rel=2)@100"),
        ("MAP", "AP@100"),
        ("nDCG", "nDCG@100"),
        ("RR", "RR@100"),
        ("ERR", "ERR@100"),
        ("RBP", "RBP@100"),
        ("Judged", "Judged@100"),
        ("SetP", "nDCG@100"),
        ("SetF", "nDCG@100"),
        ("NumRet", "nDCG@100"),
        ("IPrec@0.1", "nDCG@100"),
    ],
)
def test_what_looks_as_deep_as_rankings_go_is_refused_with_the_cutoff_that_mends_it(name: str, expected: str) -> None:
    with pytest.raises(UserError) as refused:
        check_depth(name, ir_measures.parse_measure(name), 100)
    assert f" {expected}." in str(refused.value)
    assert "top_k=100" in str(refused.value)


def test_bpref_is_refused_for_what_it_needs() -> None:
    with pytest.raises(UserError, match="judged not relevant"):
        parse_measures(["Bpref"], 100)


@pytest.mark.parametrize("name", ["nDCG(judged_only=True)@10", "P(judged_only=True)@5"])
def test_a_measure_that_skips_unjudged_documents_has_no_depth_of_its_own(name: str) -> None:
    with pytest.raises(UserError, match="reads on until enough documents are judged"):
        check_depth(name, ir_measures.parse_measure(name), 100)


def test_suggested_measures_are_all_accepted() -> None:
    assert list(parse_measures(KNOWN_MEASURES, 100)) == list(KNOWN_MEASURES)


def computable() -> list[object]:
    """Every measure of ir_measures that can be computed here, with no cutoff and with one of five."""
    found = []
    for measure in dict.fromkeys(registry.values()):
        required = {key: value for key, value in PARAMETERS.items() if key in measure.SUPPORTED_PARAMS}
        for cutoff in ({}, {"cutoff": 5}):
            try:
                parameters = {**required, **cutoff}
                each = measure(**parameters) if parameters else measure
                ir_measures.evaluator([each], JUDGED).calc_aggregate({"q": {"d1": 1.0}})
            except Exception:  # noqa: S112 (a parameter that it lacks, or a provider's missing tool)
                continue
            found.append(each)
    return found


def test_no_accepted_measure_changes_with_the_depth_of_rankings() -> None:
    """The independent source: each measure by ir_measures itself, on one ranking cut at 14 and at 20 documents."""
    ranking = {f"d{(7 * i) % 20}": 20.0 - i for i in range(20)}
    accepted = []
    for measure in computable():
        try:
            check_depth(str(measure), measure, 14)
            check_relevant({str(measure): measure}, [("c", JUDGED)], 14)
        except UserError:
            continue
        accepted.append(str(measure))
        values = [
            ir_measures.evaluator([measure], JUDGED).calc_aggregate({"q": dict(list(ranking.items())[:depth])})[measure]
            for depth in (14, 20)
        ]
        assert values[0] == pytest.approx(values[1], abs=1e-12), measure
    assert {"nDCG@5", "AP@5", "RR@5", "P@5", "R@5", "Success@5", "Rprec"} <= set(accepted)


@pytest.mark.parametrize(("name", "most"), [("Rprec", 3), ("Rprec(rel=2)", 2)])
def test_r_precision_needs_rankings_as_long_as_a_query_has_relevant_documents(name: str, most: int) -> None:
    corpora = [("small", {"q": {"a": 1}}), ("c", {"q": {"a": 1, "b": 2, "c": 2, "d": 0}, "r": {"a": 0}})]
    parsed = parse_measures([name], 1)
    check_relevant(parsed, corpora, most)
    with pytest.raises(UserError, match=rf"corpus 'c' up to {most}, and rankings end at top_k={most - 1}") as refused:
        check_relevant(parsed, corpora, most - 1)
    assert f"Set top_k={most}" in str(refused.value)


def test_a_run_is_refused_before_anything_is_encoded(
    tiny_run: list[str], colours: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (colours / "qrels" / "test.tsv").open("a") as qrels:
        qrels.writelines(f"q0\td{i}\t1\n" for i in range(1, 12))
    assert main([*tiny_run, "measures=[Rprec]"]) == 2
    assert "corpus 'colours' up to 12, and rankings end at top_k=10" in capsys.readouterr().err
    assert not (tmp_path / "store").exists()
