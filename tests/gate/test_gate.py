"""What a gate says of made-up runs: drops, ties, limits, spaces, and what can't be compared."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evalkit.__main__ import main
from evalkit.config import GateConfig
from evalkit.config.compose import compose
from evalkit.errors import UserError
from evalkit.gate import Verdict, decide
from evalkit.gate.comment import markdown
from evalkit.gate.output import write_files
from evalkit.gate.pairing import NotComparableError
from evalkit.gate.words import space_sentence
from evalkit.results.reader import StoredRun, read_run, stored_runs
from tests.gate.conftest import ENVIRONMENT, STREWN, MakeRun, unit

RNG = np.random.default_rng(5)
SCORES = RNG.beta(2, 2, 200)
NOISY = np.clip(SCORES + RNG.normal(0, 0.1, 200), 0, 1)
WORSE = np.clip(SCORES - RNG.beta(2, 8, 200), 0, 1)


@pytest.fixture
def config() -> GateConfig:
    return compose("gate", ["baseline=x"])


def test_a_run_against_itself_passes_with_difference_0_and_p_1(make_run: MakeRun, config: GateConfig) -> None:
    run = make_run({(384, "float32"): SCORES, (384, "int8"): NOISY})
    decision = decide(config, run, run)
    assert (decision.verdict, decision.exit_code, decision.reasons) == (Verdict.PASS, 0, ())
    for q in decision.quality:
        assert (q.evidence.mean, q.p_drop, q.wins, q.losses, q.ties) == (0, 1, 0, 0, 200)
    assert all(r.worsening == 1 and not r.exceeds for r in decision.resources)
    assert [s.space for s in decision.spaces] == ["same space"]


def test_a_shown_drop_is_a_regression_and_noise_is_not(make_run: MakeRun, config: GateConfig) -> None:
    baseline = make_run({(384, "float32"): SCORES})
    dropped = decide(config, baseline, make_run({(384, "float32"): WORSE}))
    assert (dropped.verdict, dropped.exit_code) == (Verdict.REGRESSION, 1)
    assert "nDCG@10 dropped from" in dropped.reasons[0]
    assert decide(config, baseline, make_run({(384, "float32"): NOISY})).verdict is Verdict.PASS
    assert decide(config, make_run({(384, "float32"): WORSE}), baseline).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("candidate", "tolerance", "relative", "verdict"),
    [
        (SCORES - 0.001, 0.01, False, Verdict.PASS),
        (NOISY - 0.01, 0.0, False, Verdict.INCONCLUSIVE),
        (NOISY, 0.001, False, Verdict.INCONCLUSIVE),
        (NOISY, 0.1, True, Verdict.PASS),
        (WORSE, 0.01, False, Verdict.REGRESSION),
    ],
)
def test_non_inferior_passes_only_when_a_drop_is_ruled_out(
    make_run: MakeRun, config: GateConfig, candidate: np.ndarray, tolerance: float, relative: bool, verdict: Verdict
) -> None:
    strict = replace(config, policy="non_inferior", tolerance=tolerance, relative=relative)
    decision = decide(strict, make_run({(384, "float32"): SCORES}), make_run({(384, "float32"): candidate}))
    assert decision.verdict is verdict
    assert decision.exit_code == {Verdict.PASS: 0, Verdict.REGRESSION: 1, Verdict.INCONCLUSIVE: 3}[verdict]
    lenient = replace(strict, inconclusive_exit_code=0)
    if verdict is Verdict.INCONCLUSIVE:
        assert (
            decide(lenient, make_run({(384, "float32"): SCORES}), make_run({(384, "float32"): candidate})).exit_code
            == 0
        )


def test_more_comparisons_need_stronger_evidence(make_run: MakeRun, config: GateConfig) -> None:
    drop = SCORES + np.random.default_rng(0).normal(-0.013, 0.1, 200)
    alone = decide(config, make_run({(384, "float32"): SCORES}), make_run({(384, "float32"): drop}))
    settings = [(dims, "float32") for dims in range(1, 21)]
    noise = {setting: SCORES + np.random.default_rng(i).normal(0, 0.1, 200) for i, setting in enumerate(settings)}
    many = decide(config, make_run(dict.fromkeys(settings, SCORES)), make_run({**noise, settings[3]: drop}))
    assert alone.quality[0].drop_is_shown
    assert not many.quality[3].drop_is_shown
    assert many.quality[3].evidence.p_drop == pytest.approx(alone.quality[0].p_drop, abs=0.01)
    assert (many.quality[3].evidence.detectable_drop or 0) > (alone.quality[0].evidence.detectable_drop or 0)


def test_the_queries_that_changed_most_are_named_with_both_ranks(make_run: MakeRun, config: GateConfig) -> None:
    after = SCORES.copy()
    after[7], after[9] = 0.0, 1.0
    (quality,) = decide(config, make_run({(8, "x"): SCORES}), make_run({(8, "x"): after})).quality
    assert (quality.losses, quality.wins, quality.ties) == (1, 1, 198)
    assert [(c.query_id, c.baseline_rank, c.candidate_rank) for c in quality.worst] == [("q7", 1, None)]
    assert [c.query_id for c in quality.best] == ["q9"]


def test_size_beyond_its_limit_is_a_regression(make_run: MakeRun, config: GateConfig) -> None:
    baseline = make_run({(8, "x"): SCORES})
    larger = decide(config, baseline, make_run({(8, "x"): SCORES}, figures={"bytes_per_vector": 12.0}))
    assert larger.verdict is Verdict.REGRESSION
    assert larger.reasons == ("c 8 x flat: bytes_per_vector is 20% larger (10 B → 12 B), the limit is 1.1 ×",)
    not_gated = replace(config, limits={**(config.limits or {}), "bytes_per_vector": None})
    assert (
        decide(not_gated, baseline, make_run({(8, "x"): SCORES}, figures={"bytes_per_vector": 12.0})).verdict
        is Verdict.PASS
    )


def test_timings_count_only_on_the_same_hardware(make_run: MakeRun, config: GateConfig) -> None:
    baseline = make_run({(8, "x"): SCORES})
    slow = {"documents_per_second": 10.0}
    assert decide(config, baseline, make_run({(8, "x"): SCORES}, figures=slow)).verdict is Verdict.REGRESSION
    elsewhere = {**ENVIRONMENT, "cpu": {**ENVIRONMENT["cpu"], "model": "another CPU"}}
    decision = decide(config, baseline, make_run({(8, "x"): SCORES}, figures=slow, environment=elsewhere))
    assert decision.verdict is Verdict.PASS
    reasons = {r.column: r.not_compared for r in decision.resources}
    assert reasons["documents_per_second"] == reasons["search_ms_p95"] == "not compared: different hardware"
    assert reasons["index_bytes"] == ""


def test_costs_count_only_for_the_same_workload_and_prices(make_run: MakeRun, config: GateConfig) -> None:
    def run(cost: float, documents: int = 1_000) -> StoredRun:
        return make_run({(8, "x"): SCORES}, figures={"cost_month_usd": cost}, workload={"documents": documents})

    dearer = decide(config, run(1.0), run(3.0))
    (reason,) = dearer.reasons
    assert reason == "c 8 x flat: cost_month_usd is 3 × dearer ($1.00 a month → $3.00 a month), the limit is 2 ×"
    elsewhere = decide(config, run(1.0), run(3.0, documents=3_000))
    assert elsewhere.verdict is Verdict.PASS
    reasons = {r.column: r.not_compared for r in elsewhere.resources}
    assert reasons["cost_month_usd"] == "not compared: different workload or prices"


def test_figures_at_the_workload_count_only_for_the_same_workload(make_run: MakeRun) -> None:
    def run(ms: float, documents: int = 1_000) -> StoredRun:
        figures = {"search_ms_p95_at_workload": ms}
        return make_run({(8, "x"): SCORES}, figures=figures, workload={"documents": documents})

    limited = compose("gate", ["baseline=x", "+limits.search_ms_p95_at_workload=1.5"])
    assert decide(limited, run(1.0), run(3.0)).verdict is Verdict.REGRESSION
    reasons = {r.column: r.not_compared for r in decide(limited, run(1.0), run(3.0, documents=3_000)).resources}
    assert reasons["search_ms_p95_at_workload"] == "not compared: different workload or prices"


def test_memory_while_searching_counts_only_where_both_or_neither_held_the_model(make_run: MakeRun) -> None:
    limited = compose("gate", ["baseline=x", "+limits.search_peak_rss_bytes=1.5"])

    def reason(baseline_cached: bool, candidate_cached: bool) -> str:
        baseline = make_run({(8, "x"): SCORES}, figures={"search_peak_rss_bytes": 10**8}, cached=baseline_cached)
        candidate = make_run({(8, "x"): SCORES}, figures={"search_peak_rss_bytes": 10**9}, cached=candidate_cached)
        found = decide(limited, baseline, candidate).resources
        return next(r.not_compared for r in found if r.column == "search_peak_rss_bytes")

    assert reason(False, False) == reason(True, True) == ""
    assert "held the model in memory" in reason(True, False)


def test_a_ratio_of_latencies_that_chance_explains_does_not_count(make_run: MakeRun, config: GateConfig) -> None:
    baseline = make_run({(8, "x"): SCORES})
    outliers = make_run({(8, "x"): SCORES}, figures={"search_ms_p95": 5.0})  # the same calls, another p95
    slower = make_run({(8, "x"): SCORES}, figures={"search_ms_p95": 5.0}, latencies_ms=np.array(STREWN) * 5)
    assert decide(config, baseline, outliers).verdict is Verdict.PASS
    decision = decide(config, baseline, slower)
    assert decision.verdict is Verdict.REGRESSION
    assert "search_ms_p95 is 5 × slower (1 ms → 5 ms)" in decision.reasons[0]


def test_runs_measured_in_turn_count_by_their_medians(make_run: MakeRun, config: GateConfig) -> None:
    baseline, candidate = make_run({(8, "x"): SCORES}), make_run({(8, "x"): SCORES})
    unlucky = make_run({(8, "x"): SCORES}, figures={"documents_per_second": 5.0})
    repeats = [(baseline, candidate), (baseline, unlucky), (baseline, candidate)]
    assert decide(config, baseline, unlucky, repeats).verdict is Verdict.PASS


def test_what_was_not_measured_is_said(make_run: MakeRun, config: GateConfig) -> None:
    baseline = make_run({(8, "x"): SCORES}, figures={"search_ms_p95": None}, latencies_ms=[])
    results = decide(config, baseline, make_run({(8, "x"): SCORES})).resources
    assert next(r for r in results if r.column == "search_ms_p95").not_compared.startswith(
        "not measured in the baseline: the vectors are larger than memory_gb"
    )


@pytest.mark.parametrize(
    ("noise", "space", "stays"), [(0.0, "same space", True), (0.1, "drifted", False), (9.0, "different space", False)]
)
def test_the_canary_tells_whether_the_index_can_stay(
    make_run: MakeRun, config: GateConfig, noise: float, space: str, stays: bool
) -> None:
    vectors = unit(60, 16)
    moved = vectors + noise * unit(60, 16, seed=1)
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    baseline, candidate = make_run({(8, "x"): SCORES}, vectors=vectors), make_run({(8, "x"): SCORES}, vectors=moved)
    decision = decide(config, baseline, candidate)
    (found,) = decision.spaces
    assert (found.space, found.index_can_stay, found.texts) == (space, stays, 60)
    assert found.overlap_at_10 is not None
    assert (found.overlap_at_10 == 1) == stays
    assert bool(found.alarm) != stays  # the same name and revision, other vectors
    assert decision.verdict is Verdict.PASS
    must_stay = replace(config, require_same_space=True)
    assert decide(must_stay, baseline, candidate).verdict is (Verdict.PASS if stays else Verdict.REGRESSION)


def test_the_overlap_of_old_index_and_new_queries_is_that_of_plain_numpy(make_run: MakeRun, config: GateConfig) -> None:
    old, new = unit(60, 16), unit(60, 16, seed=3)
    (found,) = decide(
        config, make_run({(8, "x"): SCORES}, vectors=old), make_run({(8, "x"): SCORES}, vectors=new)
    ).spaces
    shares = []
    for query in new[30:]:
        nearest = [set(sorted(range(30), key=lambda i: -float(side[i] @ query))[:10]) for side in (old, new)]
        shares.append(len(nearest[0] & nearest[1]) / 10)
    assert found.overlap_at_10 == pytest.approx(np.mean(shares), abs=0.01)  # the canary keeps float16


def test_new_queries_find_copies_in_the_old_index_whichever_of_them_come_first(
    make_run: MakeRun, config: GateConfig
) -> None:
    """The old vectors of twenty copies are apart by as much as puts others of them first."""
    new = unit(60, 16)
    new[:20] = new[30:].mean(axis=0) / np.linalg.norm(new[30:].mean(axis=0))  # near all queries
    old = new.copy()
    old[:20] += 0.02 * unit(20, 16, seed=4)
    before, after = (make_run({(8, "x"): SCORES}, vectors=vectors) for vectors in (old, new))
    (found,) = decide(config, before, after).spaces
    shares = []
    for query in new[30:]:
        by_new, by_old = (sorted(range(30), key=lambda row: -float(side[row] @ query))[:10] for side in (new, old))
        texts = (Counter(max(row, 19) for row in rows) for rows in (by_new, by_old))  # the copies are one text
        shares.append((len({*by_new} & {*by_old}), (next(texts) & next(texts)).total()))
    assert np.mean([ids for ids, _ in shares]) < 8
    assert found.overlap_at_10 == pytest.approx(np.mean([same for _, same in shares]) / 10, abs=0.01)


def test_an_index_of_other_parts_of_the_documents_can_not_stay(make_run: MakeRun, config: GateConfig) -> None:
    """Also where the sample's texts, all of them short, have the same vectors."""
    whole, split = make_run({(8, "x"): SCORES}), make_run({(8, "x"): SCORES}, chunking="tokens(size=254, overlap=0)")
    (found,) = decide(config, whole, split).spaces
    assert (found.space, found.index_can_stay, found.alarm) == ("documents chunked differently", False, "")
    assert (found.vectors_comparable, found.index_must_be_rebuilt, found.documents_must_be_reembedded) == (True,) * 3
    assert "all documents must be re-embedded" in space_sentence(found)
    assert "nearest" not in space_sentence(found)
    assert decide(replace(config, require_same_space=True), whole, split).verdict.value == "regression"


def test_another_width_is_another_space_and_no_alarm_for_another_model(make_run: MakeRun, config: GateConfig) -> None:
    candidate = make_run({(8, "x"): SCORES}, vectors=unit(60, 24), model="other")
    (found,) = decide(config, make_run({(8, "x"): SCORES}), candidate).spaces
    assert (found.space, found.smallest_cosine, found.overlap_at_10, found.alarm) == ("different space", None, None, "")
    assert (found.documents, found.reembed_seconds, found.reembed_usd) == (1_000, 12.0, None)


def test_what_embedding_again_costs_is_said(make_run: MakeRun, config: GateConfig) -> None:
    candidate = make_run({(8, "x"): SCORES}, vectors=unit(60, 24), figures={"cost_embed_once_usd": 12.5})
    (found,) = decide(config, make_run({(8, "x"): SCORES}), candidate).spaces
    assert "all documents must be re-embedded ($12.50); the 1,000 of the corpus took 12 s" in space_sentence(found)


def older(run: StoredRun) -> StoredRun:
    """A run as it is read that was written before ``serve_k``: all of its top_k were served."""
    if run is None:
        return run
    points = [{**point, "serve_k": point["top_k"]} for point in run.about["points"]]
    return replace(run, about={**run.about, "schema_version": 1, "points": points}, stored_config={})


def rescored(run: StoredRun) -> StoredRun:
    """A run whose quantization re-orders candidates."""
    if run is not None:
        run.about["config"]["quantization"] = {"x": {"faiss": "BFlat", "rescore": {"store": "float32"}}}
    return run


def test_what_does_not_depend_on_the_served_depth_is_compared_but_for_its_speed(
    make_run: MakeRun, config: GateConfig
) -> None:
    before, after = older(make_run({(8, "x"): SCORES}, top_k=50)), make_run({(8, "x"): SCORES}, top_k=50)
    decision = decide(config, before, after)
    assert decision.verdict is Verdict.PASS
    reasons = {r.column: r.not_compared for r in decision.resources}
    assert reasons["search_ms_p95"] == reasons["cost_month_usd"] == "not compared: timed for 50 and 10 results"
    assert reasons["documents_per_second"] == reasons["index_bytes"] == ""


def differing(make_run: MakeRun) -> dict[str, tuple[StoredRun, StoredRun]]:
    def run(**options: object) -> StoredRun:
        return make_run({(8, "x"): SCORES}, **options)

    nan = SCORES.copy()
    nan[3] = np.nan
    return {
        "judgments differ": (run(), run(fingerprints={"judgments": "other"})),
        "documents and queries differ": (run(), run(fingerprints={"documents": "o", "queries": "o"})),
        "top_k was 10 and is 50": (run(), run(top_k=50)),
        "serve_k was 10 and is 5": (rescored(run()), rescored(run(serve_k=5))),
        "serve_k was 50 and is 10 .runs older than serve_k": (older(rescored(run(top_k=50))), rescored(run(top_k=50))),
        "no point of the candidate answers": (run(), make_run({(16, "x"): SCORES})),
        "the candidate did not measure nDCG@10": (run(), run(measures=["R@10"])),
        "different queries": (run(), make_run({(8, "x"): SCORES[:150]})),
    }


@pytest.mark.parametrize("expected", list(differing(lambda *_, **__: None)))  # type: ignore[arg-type]
def test_what_can_not_be_compared_is_said(make_run: MakeRun, config: GateConfig, expected: str) -> None:
    with pytest.raises(NotComparableError, match=expected):
        decide(config, *differing(make_run)[expected])


def test_scores_that_were_changed_afterwards_are_refused(make_run: MakeRun, config: GateConfig) -> None:
    baseline, candidate = make_run({(8, "x"): SCORES}), make_run({(8, "x"): SCORES})
    queries = candidate.queries()
    queries.loc[queries["query_id"] == "q3", "nDCG@10"] = np.nan
    queries.to_parquet(candidate.folder / "queries.parquet")
    with pytest.raises(UserError, match=r"queries\.parquet can't be read: .* another checksum"):
        decide(config, baseline, candidate)


def test_keys_left_out_of_match_may_differ_but_each_point_has_one_partner(
    make_run: MakeRun, config: GateConfig
) -> None:
    baseline = make_run({(384, "x"): SCORES})
    across = replace(config, match=["corpus", "quantization", "index"])
    decision = decide(across, baseline, make_run({(64, "x"): WORSE, (64, "y"): WORSE}))
    assert [q.pair for q in decision.quality] == ["c 384 → 64 x flat"]
    assert decision.unpaired == ("candidate corpus=c quantization=y index=flat",)
    with pytest.raises(NotComparableError, match="more than one point answers corpus=c quantization=x"):
        decide(across, baseline, make_run({(64, "x"): SCORES, (128, "x"): SCORES}))
    with pytest.raises(UserError, match="Did you mean 'dims'"):
        decide(replace(config, match=["dim"]), baseline, baseline)


@pytest.mark.parametrize(
    "setting",
    [
        {"policy": "strict"},
        {"alpha": 0.9},
        {"tolerance": -0.1},
        {"resamples": 3},
        {"measures": []},
        {"limits": {"speed": 2.0}},
    ],
)
def test_a_setting_that_can_not_work_is_refused(make_run: MakeRun, config: GateConfig, setting: dict) -> None:
    run = make_run({(8, "x"): SCORES})
    with pytest.raises(UserError):
        decide(replace(config, **setting), run, run)


def test_files_say_what_the_verdict_says(
    make_run: MakeRun, config: GateConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from junitparser import JUnitXml

    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    decision = decide(config, make_run({(8, "x"): SCORES}), make_run({(8, "x"): WORSE}))
    write_files(decision, tmp_path / "out")
    stored = json.loads((tmp_path / "out" / "gate.json").read_text())
    assert (stored["verdict"], stored["exit_code"]) == ("regression", 1)
    assert stored["quality"][0]["evidence"]["p_drop"] > 0
    assert stored["spaces"][0]["index_can_stay"] is True
    text = (tmp_path / "out" / "gate.md").read_text()
    moved = f"nDCG@10 {SCORES.mean():.3f} → {WORSE.mean():.3f}"
    assert text.startswith(f"## ❌ the same settings: {moved}\n\n**regression: don't ship: nDCG@10 dropped**\n")
    assert (stored["title"], stored["to_do"]) == (f"the same settings: {moved}", "don't ship: nDCG@10 dropped")
    assert summary.read_text() == text
    (suite,) = JUnitXml.fromfile(str(tmp_path / "out" / "gate.junit.xml"))
    assert (suite.tests, suite.failures) == (1 + len(decision.resources), 1)
    assert suite.name == f"evalkit gate: the same settings: {moved}"
    assert [(p.name, p.value) for p in suite.properties()] == [("verdict", "regression: don't ship: nDCG@10 dropped")]


@pytest.mark.parametrize("place", ["{folder}", "{folder}/none/summary.md", "/dev/full", "{folder}/\x1b[31m::error::/x"])
def test_a_summary_that_can_not_be_written_is_said_and_the_verdict_stays(
    place: str, make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", place.format(folder=tmp_path))
    runs = [str(make_run({(8, "x"): scores}).folder) for scores in (SCORES, WORSE)]
    where = [f"results_dir={tmp_path / 'results'}", f"reports_dir={tmp_path / 'reports'}", "limits=null"]
    assert main(["gate", f"baseline={runs[0]}", f"candidate={runs[1]}", *where]) == 1
    said = [line for line in capsys.readouterr().err.splitlines() if "GITHUB_STEP_SUMMARY" in line]
    assert len(said) == 1
    assert said[0].startswith("evalkit: warning: ")
    assert said[0].isprintable()
    assert (tmp_path / "reports" / "gate" / "gate.md").is_file()


def test_names_from_data_can_not_break_out_of_the_markdown(make_run: MakeRun, config: GateConfig) -> None:
    run = make_run({(8, "<script>|`x`"): SCORES}, name="run<b>")
    text = markdown(decide(config, run, run))
    assert "<script>" not in text
    assert "<b>" not in text
    assert "&lt;script&gt;&#124;" in text


def test_json_holds_everything_by_its_fields(make_run: MakeRun, config: GateConfig, tmp_path: Path) -> None:
    run = make_run({(8, "x"): SCORES})
    decision = decide(config, run, run)
    write_files(decision, tmp_path)
    values = json.loads((tmp_path / "gate.json").read_text())
    assert values["quality"] == [json.loads(json.dumps(asdict(q))) for q in decision.quality]
    assert values["quality"][0]["queries"] == len(SCORES)


def test_the_command_compares_two_stored_runs_without_heavy_imports(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run({(8, "x"): SCORES}, name="before")
    make_run({(8, "x"): WORSE}, name="after")
    where = [f"results_dir={tmp_path / 'results'}", f"reports_dir={tmp_path / 'reports'}"]
    code = (
        "import sys; from evalkit.__main__ import main; code = main(sys.argv[1:]);"
        "heavy = {'torch', 'faiss', 'transformers', 'sentence_transformers', 'mteb'} & set(sys.modules);"
        "print(heavy, file=sys.stderr); sys.exit(99 if heavy else code)"
    )
    command = [sys.executable, "-c", code, "gate", "baseline=before", "candidate=after", *where]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert done.stdout == f"{tmp_path / 'reports' / 'gate'}\n"
    assert "evalkit: regression: don't ship: nDCG@10 dropped" in done.stderr


def test_runs_that_can_not_be_compared_exit_with_2_and_leave_files(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run({(8, "x"): SCORES}, name="before")
    make_run({(9, "x"): SCORES}, name="after")
    where = [f"results_dir={tmp_path / 'results'}", f"reports_dir={tmp_path / 'reports'}"]
    assert main(["gate", "baseline=before", "candidate=after", *where]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "no point of the candidate answers" in told
    assert "index=flat. Leave the key that may differ out of match" in told
    written = (tmp_path / "reports" / "gate" / "gate.json").read_text()
    assert json.loads(written)["verdict"] == "not comparable"
    assert "\\n" not in told + written


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "baseline is not set"),
        (["baseline=before"], "there is no candidate"),
        (["before"], "'before' sets nothing"),
        (["--basline", "before"], "there is no flag '--basline'"),
        (["baseline=befor", "candidate=before"], "Did you mean 'before'?"),
        (["baseline=before", "candidate=before", "dims=8"], "dims=8 sets up a run, but candidate=before names one"),
        (["baseline=before", "candidate=before", "repeat=2"], "repeat measures a candidate that is evaluated here"),
        (["baseline=before", "candidate=before", "polcy=x"], "there is no setting 'polcy'"),
    ],
)
def test_mistakes_on_the_command_line_are_one_line_and_exit_code_2(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    make_run({(8, "x"): SCORES}, name="before")
    assert main(["gate", *arguments, f"results_dir={tmp_path / 'results'}"]) == 2
    assert expected in capsys.readouterr().err


def test_an_interrupted_run_is_neither_compared_nor_accepted(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run({(8, "x"): SCORES}, name="half")
    (run.folder / "run.json").write_text(json.dumps({**run.about, "finished": False}))
    make_run({(8, "x"): SCORES}, name="whole")
    where = f"results_dir={tmp_path / 'results'}"
    for command in (["gate", "baseline=half", "candidate=whole"], ["gate", "baseline=whole", "candidate=half"]):
        assert main([*command, where]) == 2
        assert "was interrupted" in capsys.readouterr().err
    assert main(["baseline", "accept", "half", where]) == 2
    assert "was interrupted" in capsys.readouterr().err


def test_an_accepted_baseline_is_small_found_by_name_and_a_changed_one_is_refused(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results"
    scores = {(dims, "x"): RNG.random(300) for dims in range(1, 21)}
    make_run(scores, name="run")
    assert main(["baseline", "accept", "run", "name=main", f"results_dir={results}"]) == 0
    assert capsys.readouterr().out == f"{results / 'baselines' / 'main'}\n"
    folder = results / "baselines" / "main"
    assert sum(f.stat().st_size for f in folder.iterdir()) < 1_000_000
    where = [f"results_dir={results}", f"reports_dir={tmp_path / 'reports'}"]
    assert main(["gate", "baseline=main", "candidate=run", *where]) == 0
    assert main(["baseline", "accept", "run", "name=main", f"results_dir={results}"]) == 0  # again: replaced
    frame = pd.read_parquet(folder / "queries.parquet")
    frame["nDCG@10"] *= 0.9
    frame.to_parquet(folder / "queries.parquet")
    assert main(["gate", "baseline=main", "candidate=run", *where]) == 2
    assert "is not what was accepted as a baseline" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["accept"], "holds no finished run"),
        (["accpt"], "needs a verb"),
        (["accept", "run", "name=../x"], "no folder name"),
        (["accept", "nothing"], "there is no run 'nothing'"),
    ],
)
def test_mistakes_in_accepting_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    assert main(["baseline", *arguments, f"results_dir={tmp_path}"]) == 2
    assert expected in capsys.readouterr().err


def test_a_candidate_is_evaluated_on_the_baselines_corpora_and_measures(
    tiny_model: Path, write_beir: Callable[..., Path], tmp_path: Path
) -> None:
    words = "red green blue apple pear house tree river stone cloud bird fish".split()
    documents = {f"d{i}": f"{a} {b}" for i, (a, b) in enumerate((a, b) for a in words for b in words if a < b)}
    queries = {f"q{i}": text for i, text in enumerate(list(documents.values())[:20])}
    folder = write_beir(documents, queries, [(f"q{i}", f"d{i}", 1) for i in range(20)])
    where = [f"results_dir={tmp_path / 'results'}", f"store.path={tmp_path / 'store'}"]
    run = ["model=local", f"model.path={tiny_model}", "corpus=beir", f"corpus.beir.path={folder}", "top_k=10"]
    run += ["measures=[nDCG@10,RR@10]", "runtime.latency_calls=5", "at_workload_seconds=0.05"]
    assert main([*run, *where]) == 0
    assert main(["baseline", "accept", where[0]]) == 0
    trusted = [word for word in run if "path=" in word]  # neither is named by conf/, nor in the working folder
    gate = ["gate", "baseline=main", f"reports_dir={tmp_path / 'reports'}", *trusted, *where]
    assert main([*gate, "dims=4", "quantization=[binary]", "match=[corpus,index]"]) == 1
    stored = json.loads((tmp_path / "reports" / "gate" / "gate.json").read_text())
    assert [q["pair"] for q in stored["quality"]] == ["colours 32 → 4 float32 → binary flat"]
    assert stored["spaces"][0]["space"] == "same space"
    timed = ("documents_per_second", "search_ms_p95", "query_ms_p95", "peak_rss_bytes", "cost_month_usd")
    wide = [f"limits.{column}=1e9" for column in timed]
    assert main([*gate, "runtime.latency_calls=6", "repeat=2", *wide]) == 0
    (tmp_path / "my-conf" / "model").mkdir(parents=True)
    own = f"kind: sentence_transformers\nname: ours\npath: {tiny_model}\n"
    (tmp_path / "my-conf" / "model" / "ours.yaml").write_text(own)
    gate.remove(trusted[0])
    assert main([*gate, "model=ours", "--config-dir", str(tmp_path / "my-conf"), "limits=null"]) == 0
    assert read_run(stored_runs(tmp_path / "results")[-1]).about["models"][0]["name"] == "ours"
    assert len(list((tmp_path / "results" / ".repeats").glob("*/run.json"))) == 4
