"""Stored runs read back as they were, and other tools read the exports."""

import json
from pathlib import Path

import pandas as pd
import pytest
import pytrec_eval

from evalkit.__main__ import main
from evalkit.config.trust.secrets import REMOVED
from evalkit.errors import UserError
from evalkit.results.exports import file_name, mteb_name
from evalkit.results.reader import find_run, read_run, stored_runs
from evalkit.results.secrets import command_without_secrets, without_secrets

CANDIDATES = "quantization.binary_rescore.rescore.candidates=3"


@pytest.fixture
def run_folder(tiny_run: list[str], tmp_path: Path) -> Path:
    assert main([*tiny_run, "dims=[8,32]", "quantization=[float32,binary]"]) == 0
    return stored_runs(tmp_path / "results")[0]


def test_trec_run_files_score_in_trec_eval_as_the_run_says(
    run_folder: Path, colours: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["export", str(run_folder), "formats=[trec]"]) == 0
    assert capsys.readouterr().out == f"{run_folder / 'exports'}\n"
    assert len(list(run_folder.glob("exports/trec/*.run"))) == 4
    agrees_with_trec_eval(run_folder, colours)


def test_a_ranking_that_goes_deeper_than_what_is_reordered_reads_back_in_its_order(
    tiny_run: list[str], colours: Path, tmp_path: Path
) -> None:
    """Three of ten documents are re-ordered; the codes' order of the others is no order of similarities."""
    assert main([*tiny_run, "dims=[8,32]", "quantization=[binary_rescore]", "serve_k=3", CANDIDATES]) == 0
    (folder,) = stored_runs(tmp_path / "results")
    assert main(["export", str(folder), "formats=[trec]"]) == 0
    agrees_with_trec_eval(folder, colours)


def agrees_with_trec_eval(run_folder: Path, colours: Path) -> None:
    """Exported run files score in trec_eval as the points of the run say."""
    folder, points = run_folder / "exports", read_run(run_folder).points()
    qrels = pd.read_csv(colours / "qrels" / "test.tsv", sep="\t")
    with_grades = {q: {d: 1} for q, d in zip(qrels["query-id"], qrels["corpus-id"], strict=True)}
    for point in points.itertuples():
        file = folder / "trec" / f"colours.{point.dims}.{point.quantization}.flat.run"
        lines = [line.split() for line in file.read_text().splitlines()]
        assert {(len(line), line[1]) for line in lines} == {(6, "Q0")}
        with file.open() as opened:
            run = pytrec_eval.parse_run(opened)
        scored = pytrec_eval.RelevanceEvaluator(with_grades, {"ndcg_cut.10", "recip_rank"}).evaluate(run)
        for name, trec in (("nDCG@10", "ndcg_cut_10"), ("RR@10", "recip_rank")):
            mean = sum(s[trec] for s in scored.values()) / len(with_grades)
            row = points[(points["dims"] == point.dims) & (points["quantization"] == point.quantization)]
            assert row[name].item() == pytest.approx(mean, abs=1e-9)


def test_mteb_reads_the_mteb_export(run_folder: Path) -> None:
    results = pytest.importorskip("mteb.results")
    assert main(["export", str(run_folder), "formats=[mteb]"]) == 0
    files = list((run_folder / "exports" / "mteb").rglob("*.json"))
    assert len(files) == 4
    points = read_run(run_folder).points()
    for file in files:
        task = results.TaskResult.from_disk(file)
        dims, quantization, _ = file.relative_to(run_folder / "exports" / "mteb").parts[0].split(".")
        row = points[(points["dims"] == int(dims)) & (points["quantization"] == quantization)]
        (scores,) = task.scores["test"]
        assert scores["main_score"] == scores["ndcg_at_10"] == row["nDCG@10"].item()
        assert scores["mrr_at_10"] == row["RR@10"].item()


def test_the_newest_run_is_exported_unless_one_is_named(run_folder: Path, tiny_run: list[str], tmp_path: Path) -> None:
    results = tmp_path / "results"
    newer = run_folder.with_name("29990101T000000Z-newer")
    newer.mkdir()
    for file in run_folder.iterdir():
        (newer / file.name).write_bytes(file.read_bytes())
    assert main(["export", f"results_dir={results}"]) == 0
    assert (newer / "exports").is_dir()
    assert not (run_folder / "exports").exists()
    assert main(["export", run_folder.name, f"results_dir={results}", f"output_dir={tmp_path / 'out'}"]) == 0
    assert (tmp_path / "out" / "trec").is_dir()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["formats=[trek]"], "Did you mean 'trec'?"),
        (["run=missing"], "there is no run 'missing'"),
        (["one", "two"], "export takes one run"),
        (["fromats=[trec]"], "Did you mean 'formats'?"),
    ],
)
def test_mistakes_in_export_are_one_message(
    run_folder: Path, arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", *arguments, f"results_dir={run_folder.parent}"]) == 2
    assert expected in capsys.readouterr().err


def test_a_run_without_rankings_says_so(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run_folder / "rankings.parquet").unlink()
    assert main(["export", str(run_folder)]) == 2
    assert "save_rankings=false" in capsys.readouterr().err


def test_unfinished_damaged_and_newer_runs_are_refused(run_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no finished run"):
        find_run(None, tmp_path)
    (tmp_path / "half").mkdir()
    with pytest.raises(UserError, match=r"no run\.json"):
        read_run(tmp_path / "half")
    about = json.loads((run_folder / "run.json").read_text())
    (run_folder / "run.json").write_text(json.dumps({**about, "schema_version": 99}))
    with pytest.raises(UserError, match="Upgrade evalkit"):
        read_run(run_folder)
    (run_folder / "run.json").write_text("{")
    with pytest.raises(UserError, match="damaged"):
        read_run(run_folder)


def test_a_damaged_table_is_one_message(run_folder: Path) -> None:
    (run_folder / "queries.parquet").write_bytes(b"PAR1 but not really")
    with pytest.raises(UserError, match="can't be read"):
        read_run(run_folder).queries()


def test_secrets_are_removed_from_config_and_command() -> None:
    config = {
        "model": {"api_key": "sk-1", "name": "m"},
        "list": [{"password": "p"}],
        "token_budget": 5,
        "hf_token": None,
    }
    assert without_secrets(config) == {
        "model": {"api_key": REMOVED, "name": "m"},
        "list": [{"password": REMOVED}],
        "token_budget": 5,
        "hf_token": None,
    }
    assert command_without_secrets(["model.api_key=sk-1", "dims=3", "-m"]) == [
        f"model.api_key={REMOVED}",
        "dims=3",
        "-m",
    ]


@pytest.mark.parametrize(
    ("parts", "name"),
    [(("a/b", 8), "a__b.8"), (("../x",), "__x"), (("",), "_"), (("ü b?",), "ü_b_"), (("..",), "_")],
)
def test_file_names_are_safe(parts: tuple[object, ...], name: str) -> None:
    assert file_name(*parts) == name
    assert "/" not in name


@pytest.mark.parametrize(
    ("measure", "name"), [("nDCG@10", "ndcg_at_10"), ("R@100", "recall_at_100"), ("RR@10", "mrr_at_10"), ("RR", "RR")]
)
def test_measures_take_mtebs_names(measure: str, name: str) -> None:
    assert mteb_name(measure) == name


@pytest.mark.parametrize("command", [["export"], ["baseline", "accept"], ["gate", "baseline=x"], ["report"]])
def test_the_next_command_removes_what_a_killed_run_left(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    killed = tmp_path / "results" / ".20260131T120000.123Z-minilm-1f2e3d.partial"
    killed.mkdir(parents=True)
    main([*command, f"results_dir={tmp_path / 'results'}"])
    assert not killed.exists()
