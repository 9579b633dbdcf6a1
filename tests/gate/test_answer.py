"""The answer in three lines: what changed and what that did, the verdict, what to do; alike in every medium."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from junitparser import JUnitXml
from rich.console import Console

from evalkit.config import GateConfig
from evalkit.config.compose import compose
from evalkit.gate import Verdict, decide
from evalkit.gate.answer import title, verdict_line
from evalkit.gate.comment import markdown
from evalkit.gate.decision import Decision
from evalkit.gate.output import write_files
from evalkit.gate.terminal import show
from tests.gate.conftest import MakeRun, unit

SCORES = np.linspace(0.8, 1.0, 200)
WORSE = SCORES - np.linspace(0, 0.14, 200)
QUERIES = [(f"q{i}", f"what is\n number {i} <b>\x1b[31m") for i in range(200)]


@pytest.fixture
def config() -> GateConfig:
    return compose("gate", ["baseline=x", "match=[corpus,index]"])


@pytest.fixture
def dropped(make_run: MakeRun, config: GateConfig) -> Decision:
    baseline = make_run({(256, "float32"): SCORES}, model="an-organisation/a-model")
    candidate = make_run({(64, "float32"): WORSE}, model="an-organisation/a-model", queries=QUERIES)
    return decide(config, baseline, candidate)


def shown(decision: Decision, width: int) -> list[str]:
    console = Console(width=width, record=True, file=io.StringIO())
    show(decision, console)
    return console.export_text().splitlines()


def test_title_verdict_and_what_to_do_come_first_everywhere(dropped: Decision, tmp_path: Path) -> None:
    expected = "dims 256 → 64: nDCG@10 0.900 → 0.830", "regression: don't ship: nDCG@10 dropped"
    assert (title(dropped), verdict_line(dropped)) == expected
    assert shown(dropped, 80)[:2] == list(expected)
    assert markdown(dropped).splitlines()[:3] == [f"## ❌ {expected[0]}", "", f"**{expected[1]}**"]
    write_files(dropped, tmp_path)
    stored = json.loads((tmp_path / "gate.json").read_text())
    assert (stored["title"], f"{stored['verdict']}: {stored['to_do']}") == expected
    (suite,) = JUnitXml.fromfile(str(tmp_path / "gate.junit.xml"))
    assert suite.name == f"evalkit gate: {expected[0]}"
    assert [p.value for p in suite.properties()] == [expected[1]]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {"model": "theirs/other"}, "model a-model → other"),
        ({}, {"dims": 64, "quantization": "binary"}, "dims 256 → 64, quantization float32 → binary"),
        ({"stages": "bm25"}, {}, "stages bm25 → none"),
        (
            {"operating_point": "efSearch=64"},
            {"operating_point": "efSearch=128"},
            "operating point efSearch=64 → efSearch=128",
        ),
        ({}, {"prompts": {"query": "q: "}}, "query prompt '' → 'q: '"),
        ({}, {}, "the same settings"),
        (
            {},
            {"dims": 64, "quantization": "binary", "index": "hnsw", "stages": "bm25"},
            "dims 256 → 64, quantization float32 → binary, index flat → hnsw and 1 more",
        ),
    ],
)
def test_the_title_says_what_changed(
    before: dict[str, Any], after: dict[str, Any], expected: str, make_run: MakeRun
) -> None:
    def run(dims: int = 256, quantization: str = "float32", model: str = "ours/a-model", **options: Any) -> Any:
        return make_run({(dims, quantization): SCORES}, model=model, **options)

    loose = compose("gate", ["baseline=x", "match=[corpus]", "limits=null"])
    assert title(decide(loose, run(**before), run(**after))) == f"{expected}: nDCG@10 0.900 → 0.900"


def test_of_many_comparisons_the_worst_is_in_the_title(make_run: MakeRun) -> None:
    many = {(dims, "x"): SCORES for dims in range(1, 31)}
    decision = decide(
        compose("gate", ["baseline=x", "limits=null"]), make_run(many), make_run({**many, (7, "x"): WORSE}, model="n")
    )
    assert title(decision) == "model m → n: nDCG@10 0.900 → 0.830 (c 7 x flat, the worst of 30)"
    lines = shown(decision, 80)
    assert next(line for line in lines if line.startswith("│")).split()[1:5] == ["c", "7", "x", "flat"]
    assert "18 more comparisons, less telling than these, are in gate.md and gate.json" in lines


def test_what_to_do_of_each_verdict(make_run: MakeRun, config: GateConfig) -> None:
    baseline = make_run({(8, "x"): SCORES})
    fewer = compose("gate", ["baseline=x", "limits=null"])
    undecided = decide(fewer, make_run({(8, "x"): SCORES[:5]}), make_run({(8, "x"): SCORES[:5]}))
    assert verdict_line(undecided) == "inconclusive: don't rely on it yet: judge more queries, these can't tell"
    larger = decide(config, baseline, make_run({(8, "x"): SCORES}, figures={"index_bytes": 365_838_336}))
    assert verdict_line(larger) == "regression: don't ship: index_bytes beyond the limit"
    assert "index_bytes is 36,584 × larger (10.0 kB → 365.8 MB), the limit is 1.1 ×" in larger.reasons[0]
    drifted = decide(config, baseline, make_run({(8, "x"): SCORES}, vectors=unit(60, 16, seed=3)))
    assert verdict_line(drifted) == "pass: find out first why the same model gives other vectors than before"
    refused = Decision(Verdict.NOT_COMPARABLE, ("corpora differ",), "a", "b")
    assert (title(refused), verdict_line(refused)) == (
        "b against a",
        "not comparable: nothing was compared; make two runs that can be",
    )


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_tables_fit_the_terminal_and_figures_stay_whole(width: int, dropped: Decision) -> None:
    lines = shown(dropped, width)
    assert max(map(len, lines)) <= width
    row = next(line for line in lines if line.startswith("│"))
    assert {"0.9000", "0.8300"} <= set(row.split())
    assert ("detectable" in "".join(lines[:4])) == (width >= 120)


def test_queries_that_changed_most_are_shown_with_their_texts_which_act_nowhere(dropped: Decision) -> None:
    worst = dropped.quality[0].worst[0]
    assert (worst.query_id, worst.text) == ("q199", "what is number 199 <b>\x1b[31m")
    assert "what is number 199 &lt;b&gt;\\x1b&#91;31m" in markdown(dropped)
    lines = shown(dropped, 120)
    assert any("q199" in line and r"what is number 199 <b>\x1b[31m" in line for line in lines)


def test_without_texts_the_ids_alone_are_shown(make_run: MakeRun, config: GateConfig) -> None:
    decision = decide(config, make_run({(8, "x"): SCORES}), make_run({(8, "x"): WORSE}))
    assert decision.quality[0].worst[0].text is None
    assert any(line.startswith("│ q199") for line in shown(decision, 80))
