"""A decision in words and files: the terminal, gate.json, gate.md for a pull request, gate.junit.xml for CI."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from evalkit.gate.decision import Decision, Verdict
from evalkit.gate.quality import QualityResult
from evalkit.gate.resources import ResourceResult
from evalkit.gate.space import DIFFERENT, DRIFTED, QUERIES_CHANGED, SAME, SPLIT_OTHERWISE, UNKNOWN, SpaceResult
from evalkit.results.files import write_text
from evalkit.results.markdown import escaped, table

MARKS = {Verdict.PASS: "✅", Verdict.REGRESSION: "❌", Verdict.NOT_COMPARABLE: "⛔", Verdict.INCONCLUSIVE: "❓"}
QUALITY_HEADER = ("setting", "measure", "baseline", "candidate", "difference [interval]", "p", "detectable", "W/T/L")
RESOURCE_HEADER = ("setting", "figure", "baseline", "candidate", "worse by", "limit", "p")
SPACE_WORDS = {
    SAME: "the old index can stay",
    DRIFTED: "re-embed, or accept what mixing old and new vectors costs",
    DIFFERENT: "re-embed: the old index is of no use to the candidate",
    QUERIES_CHANGED: "the old index can stay: documents have the same vectors, queries have others",
    SPLIT_OTHERWISE: "re-embed: the old index holds other parts of the documents",
    UNKNOWN: "the runs share no canary text",
}


def write_files(decision: Decision, folder: Path) -> None:
    """gate.json, gate.md and gate.junit.xml in ``folder``; the Markdown also where GitHub shows a job's summary."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(
        folder / "gate.json", json.dumps(as_json(decision), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    )
    text = markdown(decision)
    write_text(folder / "gate.md", text)
    write_text(folder / "gate.junit.xml", junit(decision))
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(text)


def as_json(decision: Decision) -> dict[str, Any]:
    """Everything in plain values, the verdict and its exit code first."""
    values = asdict(decision)
    verdict = str(values.pop("verdict"))
    for space, stored in zip(decision.spaces, values["spaces"], strict=True):
        stored["index_can_stay"] = space.index_can_stay
    return {"verdict": verdict, "exit_code": decision.exit_code, **values}


def headline(decision: Decision) -> str:
    return f"{decision.verdict}: {decision.candidate} against {decision.baseline}"


def quality_cells(q: QualityResult) -> tuple[str, ...]:
    e = q.evidence
    detectable = "–" if e.detectable_drop is None else f"{e.detectable_drop:.4f}"
    return (
        q.pair,
        q.measure,
        f"{q.baseline:.4f}",
        f"{q.candidate:.4f}",
        f"{e.mean:+.4f} [{e.low:+.4f}, {e.high:+.4f}]",
        f"{q.p_drop:.4f}",
        detectable,
        f"{q.wins}/{q.ties}/{q.losses}",
    )


def resource_cells(r: ResourceResult) -> tuple[str, ...]:
    def figure(value: float | None) -> str:
        return "–" if value is None else f"{value:,.4g} {r.unit}" if value < 10_000 else f"{value:,.0f} {r.unit}"

    worse = r.not_compared or f"{r.worsening:.2f} ×"
    return (
        r.pair,
        r.column,
        figure(r.baseline),
        figure(r.candidate),
        worse,
        f"{r.limit:g} ×",
        "" if r.p is None else f"{r.p:.4f}",
    )


def space_sentence(s: SpaceResult) -> str:
    """Whether the old index of one corpus can stay, and what mixing or re-embedding would mean."""
    is_of_queries = s.space == QUERIES_CHANGED
    smallest = s.smallest_query_cosine if is_of_queries else s.smallest_cosine
    over = f"{s.query_texts} queries" if is_of_queries else f"{s.texts - s.query_texts} documents"
    cosine = "" if smallest is None else f" (smallest cosine {smallest:.5f} over {over})"
    sentence = f"{s.corpus}: {s.space}{cosine}: {SPACE_WORDS[s.space]}"
    if s.space in (DRIFTED, DIFFERENT, SPLIT_OTHERWISE):
        if s.overlap_at_10 is not None and s.space != SPLIT_OTHERWISE:
            sentence += f"; new queries find {s.overlap_at_10:.0%} of their ten nearest in old vectors of the sample"
        if s.reembed_seconds is not None:
            sentence += f"; {s.documents:,} documents take {s.reembed_seconds:,.0f} s to encode"
        if s.reembed_usd is not None:
            sentence += f"; embedding the workload's documents again costs ${s.reembed_usd:,.2f}"
    if s.not_checked_since:
        sentence += f"; vectors are from the store: what the API gives was not checked since {s.not_checked_since}"
    return sentence


def notes(decision: Decision) -> Iterator[str]:
    """What a reader must know beside the tables."""
    yield from decision.reasons
    yield from (f"ALARM: {alarm}" for alarm in dict.fromkeys(s.alarm for s in decision.spaces if s.alarm))
    yield from map(space_sentence, decision.spaces)
    if decision.unpaired:
        yield f"not compared, no partner: {'; '.join(decision.unpaired)}"


def markdown(decision: Decision) -> str:
    """A pull-request comment: the verdict and its reasons open, tables and queries behind a fold."""
    lines = [f"## {MARKS[decision.verdict]} evalkit gate: {escaped(headline(decision))}", ""]
    lines += [f"- {escaped(note)}" for note in notes(decision)]
    if decision.quality:
        confidence = f"{1 - 2 * decision.alpha:.0%} BCa interval; p of no drop, after Holm; detectable at 80 % power"
        lines += ["", f"**Quality** ({confidence})", "", *table(QUALITY_HEADER, map(quality_cells, decision.quality))]
    if decision.resources:
        lines += ["", "<details><summary>Speed, memory and size</summary>", ""]
        lines += [*table(RESOURCE_HEADER, map(resource_cells, decision.resources)), "", "</details>"]
    if any(q.worst or q.best for q in decision.quality):
        lines += [
            "",
            "<details><summary>Queries that changed most</summary>",
            "",
            *changed_queries(decision),
            "",
            "</details>",
        ]
    return "\n".join(lines) + "\n"


def changed_queries(decision: Decision) -> Iterator[str]:
    header = ("setting", "measure", "query", "baseline", "candidate", "rank before", "rank after")
    rows = (
        (
            q.pair,
            q.measure,
            c.query_id,
            f"{c.baseline:.4f}",
            f"{c.candidate:.4f}",
            rank(c.baseline_rank),
            rank(c.candidate_rank),
        )
        for q in decision.quality
        for c in (*q.worst, *reversed(q.best))
    )
    yield from table(header, rows)


def rank(value: int | None) -> str:
    return "not found" if value is None else str(value)


def junit(decision: Decision) -> str:
    """One test case per gated figure: failed where it regressed, skipped where it says nothing."""
    from junitparser import Failure, JUnitXml, Skipped, TestCase, TestSuite

    suite = TestSuite("evalkit gate")
    for q in decision.quality:
        case = TestCase(f"{q.measure} {q.pair}", "quality")
        if q.drop_is_shown:
            case.result = [Failure(f"{q.baseline:.4f} → {q.candidate:.4f}, p = {q.p_drop:.4f}")]
        elif decision.verdict is Verdict.INCONCLUSIVE and not q.drop_is_ruled_out:
            case.result = [Skipped("inconclusive")]
        suite.add_testcase(case)
    for r in decision.resources:
        case = TestCase(f"{r.column} {r.pair}", "resources")
        if r.exceeds:
            case.result = [Failure(f"{r.worsening:.2f} × worse, limit {r.limit:g} ×")]
        elif r.not_compared:
            case.result = [Skipped(r.not_compared)]
        suite.add_testcase(case)
    if not decision.quality:
        case = TestCase("the runs can be compared", "gate")
        case.result = [Failure("; ".join(decision.reasons))]
        suite.add_testcase(case)
    xml = JUnitXml()
    xml.add_testsuite(suite)
    return str(xml.tostring().decode("utf-8"))
