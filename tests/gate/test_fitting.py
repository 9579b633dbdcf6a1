"""What a gate writes for a CI fits what GitHub takes, whatever the points are called and however many there are."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.errors import abridged
from evalkit.formats.media import BREAK, NO_MATHEMATICS
from evalkit.gate import Verdict
from evalkit.gate.comment import LEAST_BYTES, markdown
from evalkit.gate.decision import Decision
from evalkit.gate.fitting import Part, fitted, size
from evalkit.gate.junit import junit
from evalkit.gate.output import add_to_summary, write_files
from evalkit.gate.quality import QualityResult, QueryChange
from evalkit.gate.resources import ResourceResult
from evalkit.gate.space import SpaceResult
from evalkit.gate.words import QUALITY_HEADER, QUERIES_HEADER, RESOURCE_HEADER
from evalkit.measures.significance import Evidence

COMMENT, SUMMARY = 65_536, 2**20  # GitHub's
PIECES = ["m", "all-MiniLM", "|", "&", "<b>", "`x", "```\n", "[a](b)", "\\", "\n", "\x1b[31m", "\u202e", "\ud83d"]
PIECES += ["😀", "語", "é", "\u0301", "&amp;", "</details>", "\ufffe", "\u2028", "$", "#1", "@a", ":a", "~", "1234567"]
REPEATED = st.tuples(st.lists(st.sampled_from(PIECES), min_size=1, max_size=4), st.sampled_from([1, 30, 3_000]))
NAME = REPEATED.map(lambda drawn: ("".join(drawn[0]) * drawn[1])[:10_000])


def quality(pair: str, number: int, rng: np.random.Generator, changes: int) -> QualityResult:
    p = float(rng.random())
    evidence = Evidence(-float(rng.random()), -1.0, 0.1, p, p, p, None, None)
    change = QueryChange(f"{pair} q{number}", 1.0, 0.0, 1, None)
    return QualityResult(
        pair=f"{pair} #{number}",
        corpus=pair,
        measure="nDCG@10",
        queries=100,
        clusters=None,
        baseline=0.5,
        candidate=0.4,
        tolerance=0.0,
        evidence=evidence,
        p_drop=p,
        p_safe=p,
        drop_is_shown=p < 0.05,
        drop_is_ruled_out=False,
        too_few="",
        wins=1,
        ties=2,
        losses=3,
        worst=(change,) * changes,
        best=(change,) * changes,
    )


def resource(pair: str, number: int, rng: np.random.Generator) -> ResourceResult:
    worse = float(rng.random() * 3)
    return ResourceResult(f"{pair} #{number}", "search_ms_p95", "ms", 1.0, worse, worse, 2.0, None, worse > 2, "")


def decision(name: str, count: int, seed: int, changes: int = 2) -> Decision:
    rng = np.random.default_rng(seed)
    spaces = [
        SpaceResult(f"{name}{i}", "drifted", 60, 0.95, 0.97, 0.5, 1_000, 12.0, None, f"{name} changed" * (i % 2))
        for i in range(count)
    ]
    names = tuple(f"{name} {i}" for i in range(count))
    return Decision(
        verdict=Verdict.REGRESSION,
        reasons=names,
        baseline=name,
        candidate=name[::-1],
        quality=tuple(quality(name, i, rng, changes) for i in range(count)),
        resources=tuple(resource(name, i, rng) for i in range(count)),
        spaces=tuple(spaces),
        unpaired=names,
        differences=names,
    )


def rows_of(text: str, header: tuple[str, ...]) -> list[str]:
    """The lines of the table under ``header``, without the comments within them."""
    lines = text.replace(BREAK, "").split("\n")
    first = lines.index(f"| {' | '.join(header)} |") + 2
    return lines[first : lines.index("", first)]


def left_out(text: str, what: str) -> int:
    found = re.search(rf"([\d,]+) more {what}", text)
    return int(found[1].replace(",", "")) if found else 0


def check_is_whole(text: str, verdict: Decision) -> None:
    """Tables of whole rows, folds that are closed, entities that are whole, nothing raw; what is missing is counted."""
    assert not re.search(r"&(?!(?:amp|lt|gt|#\d+);)", text)
    tags = set(re.findall(r"<[^>]*>?", text.replace(NO_MATHEMATICS, "").replace(BREAK, "")))
    assert tags <= {"<details>", "<summary>", "</summary>", "</details>"}
    assert text.count("<details>") == text.count("</details>")
    assert not re.search("[`\x00-\x09\x0b-\x1f\u2028\u202e\ud800-\udfff]", text)
    worst = ("comparisons", QUALITY_HEADER, len(verdict.quality)), ("figures", RESOURCE_HEADER, len(verdict.resources))
    changed = sum(len(q.worst) + len(q.best) for q in verdict.quality)
    for what, header, total in (*worst, ("changed queries", QUERIES_HEADER, changed)):
        if total:
            rows = rows_of(text, header)
            assert {row.count("|") for row in rows} <= {len(header) + 1}
            assert len(rows) + left_out(text, what) == total


@settings(deadline=None, max_examples=30)
@given(NAME, st.sampled_from([0, 1, 7, 39, 40, 41, 400, 1_500]), st.integers(0, 100))
def test_a_comment_of_any_verdict_fits_and_is_whole(name: str, count: int, seed: int) -> None:
    verdict = decision(name, count, seed)
    for most in (64_000, LEAST_BYTES):
        text = markdown(verdict, most)
        assert len(text.encode()) <= most < COMMENT
        check_is_whole(text, verdict)


@pytest.mark.parametrize("name", ["m", "|" * 10_000, "語" * 10_000])
def test_the_worst_stay(name: str) -> None:
    verdict = decision(name, 2_500, seed=1)
    text = markdown(verdict)
    worst = sorted(verdict.quality, key=lambda q: (not q.drop_is_shown, q.p_drop))
    places = [int(re.findall(r"#(\d+) \|", row)[0]) for row in rows_of(text, QUALITY_HEADER)]
    assert len(places) >= 5
    assert places == [verdict.quality.index(q) for q in worst[: len(places)]]
    slowest = sorted(verdict.resources, key=lambda r: -(r.worsening or 0))
    places = [int(re.findall(r"#(\d+) \|", row)[0]) for row in rows_of(text, RESOURCE_HEADER)]
    assert len(places) >= 5
    assert places == [verdict.resources.index(r) for r in slowest[: len(places)]]
    assert "gate.json" in text


def test_what_fits_is_in_the_order_of_the_grid() -> None:
    text = markdown(decision("m", 12, seed=1))
    assert "more comparisons" not in text
    assert [int(re.findall(r"#(\d+) \|", row)[0]) for row in rows_of(text, QUALITY_HEADER)] == list(range(12))


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.lists(st.integers(0, 400), max_size=60), st.integers(0, 70)), min_size=1, max_size=5),
    st.integers(1_000, 20_000),
)
def test_parts_take_what_there_is_and_are_sure_of_their_share(parts: list[tuple[list[int], int]], most: int) -> None:
    made = [Part(["é" * n for n in lengths], ("open",), ("close",), None, "{} more", cap) for lengths, cap in parts]
    text = fitted(made, most)
    assert len(text.encode()) <= most
    share = most // len(parts)
    for part, piece in zip(made, text.split("open\n")[1:], strict=True):
        rows = piece.split("\n")[:-2]
        missing = int(rows.pop().split()[0]) if rows and rows[-1].endswith(" more") else 0
        assert rows == list(part.rows)[: len(rows)]
        assert len(rows) + missing == len(part.rows)
        if missing and len(rows) < part.most_rows:
            assert size(["open", *part.rows[: len(rows) + 1], "99 more", "close"]) > share


def test_a_long_name_keeps_both_its_ends() -> None:
    assert abridged("model-" + "x" * 10_000 + "-256", 20) == "model-xxxxxxx…xx-256"
    assert abridged("x" * 20, 20) == "x" * 20


def test_a_steps_summary_stays_below_what_github_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))
    verdict = decision("語|" * 500, 60, seed=1)
    write_files(verdict, tmp_path / "out")
    assert file.read_text(encoding="utf-8") == (tmp_path / "out" / "gate.md").read_text(encoding="utf-8")
    for _ in range(40):
        add_to_summary(verdict, file)
    text = file.read_text(encoding="utf-8")
    assert 900_000 < len(text.encode()) < SUMMARY
    assert text.count("## ❌") > 14
    assert text.count("<details>") == text.count("</details>")


def test_files_of_any_names_can_be_read(tmp_path: Path) -> None:
    from junitparser import JUnitXml

    verdict = decision("".join(PIECES) * 300, 30, seed=1)
    write_files(verdict, tmp_path)
    assert len((tmp_path / "gate.md").read_bytes()) < COMMENT
    written = json.loads((tmp_path / "gate.json").read_text(encoding="utf-8"))
    assert written["baseline"] == verdict.baseline.replace("\ud83d", "\ufffd")  # half a character, in no file of texts
    (suite,) = JUnitXml.fromfile(str(tmp_path / "gate.junit.xml"))
    assert suite.tests == 60
    assert len(junit(decision("語" * 10_000, 5_000, seed=1)).encode()) < 40e6
