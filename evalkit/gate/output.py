"""A decision in words and files: the terminal, gate.json, gate.md for a pull request, gate.junit.xml for CI."""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.gate.decision import NO_REGRESSION, NON_INFERIOR, Decision, Verdict, open_question
from evalkit.gate.quality import QualityResult
from evalkit.gate.resources import ResourceResult
from evalkit.gate.space import CHUNKED_DIFFERENTLY, DIFFERENT, DRIFTED, QUERIES_CHANGED, SAME, UNKNOWN, SpaceResult
from evalkit.results.files import write_text
from evalkit.results.markdown import escaped, table
from evalkit.results.percent import percent

MARKS = {Verdict.PASS: "✅", Verdict.REGRESSION: "❌", Verdict.NOT_COMPARABLE: "⛔", Verdict.INCONCLUSIVE: "❓"}
QUALITY_HEADER = ("setting", "measure", "baseline", "candidate", "difference [interval]", "p", "detectable", "W/T/L")
MOST_ROWS = 40  # of a table; a comment on a pull request holds 65,536 characters
MOST_NOTES = 20
MOST_CASES = 5_000  # of JUnit's, failures first
CORRECTIONS = {
    NO_REGRESSION: "p of no drop, adjusted for all {count} comparisons at once (step-down maximum over sign flips)",
    NON_INFERIOR: "p of a drop beyond the tolerance; all {count} comparisons must pass, so none is adjusted",
}
RESOURCE_HEADER = ("setting", "figure", "baseline", "candidate", "worse by", "limit", "p")
SPACE_WORDS = {
    SAME: "the old index can stay",
    DRIFTED: "re-embed, or accept what mixing old and new vectors costs",
    DIFFERENT: "re-embed: the old index is of no use to the candidate",
    QUERIES_CHANGED: "the old index can stay: documents have the same vectors, queries have others",
    CHUNKED_DIFFERENTLY: "re-embed: the old index holds other parts of the documents",
    UNKNOWN: "the runs share no canary text",
}


def write_files(decision: Decision, folder: Path) -> None:
    """gate.json, gate.md and gate.junit.xml in ``folder``; the Markdown also where GitHub shows a job's summary."""
    folder.mkdir(parents=True, exist_ok=True)
    values = json.dumps(as_json(decision), indent=1, ensure_ascii=False, allow_nan=False, default=vars)
    write_text(folder / "gate.json", values + "\n")
    text = markdown(decision)
    write_text(folder / "gate.md", text)
    write_text(folder / "gate.junit.xml", junit(decision))
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(text)


def as_json(decision: Decision) -> dict[str, Any]:
    """Everything, the verdict and its exit code first; dataclasses within are written by their fields."""
    values = {**vars(decision), "verdict": str(decision.verdict)}
    spaces = [{**vars(space), "index_can_stay": space.index_can_stay} for space in decision.spaces]
    return {"verdict": values.pop("verdict"), "exit_code": decision.exit_code, **values, "spaces": spaces}


def headline(decision: Decision) -> str:
    return f"{decision.verdict}: {decision.candidate} against {decision.baseline}"


def quality_caption(decision: Decision) -> str:
    """What the columns of the table of quality mean, and what the statistics stand on."""
    correction = CORRECTIONS[decision.policy].format(count=f"{len(decision.quality):,}")
    return (
        f"{percent(1 - 2 * decision.alpha)} BCa intervals, each for itself; {correction}; detectable: the smallest "
        "true drop that would be shown with 80 % power"
    )


def quality_rows(decision: Decision) -> tuple[list[QualityResult], str]:
    """The comparisons to show, the most telling first where they are many, and a line on those left out."""
    if len(decision.quality) <= MOST_ROWS:
        return list(decision.quality), ""
    ordered = sorted(decision.quality, key=lambda q: (q.p_drop, q.evidence.mean))
    return ordered[:MOST_ROWS], f"{len(ordered) - MOST_ROWS:,} more comparisons, all of larger p, are in gate.json"


def quality_cells(q: QualityResult, policy: str = NO_REGRESSION) -> tuple[str, ...]:
    e = q.evidence
    detectable = "–" if e.detectable_drop is None else f"{e.detectable_drop:.4f}"
    return (
        q.pair,
        q.measure,
        f"{q.baseline:.4f}",
        f"{q.candidate:.4f}",
        f"{e.mean:+.4f} [{e.low:+.4f}, {e.high:+.4f}]",
        f"{q.p_safe if policy == NON_INFERIOR else q.p_drop:.4f}",
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
    if s.space in (DRIFTED, DIFFERENT, CHUNKED_DIFFERENTLY):
        if s.overlap_at_10 is not None and s.space != CHUNKED_DIFFERENTLY:
            share = percent(s.overlap_at_10)
            sentence += f"; new queries find {share} of their ten nearest in old vectors of the sample"
        if s.reembed_seconds is not None:
            sentence += f"; {s.documents:,} documents take {s.reembed_seconds:,.0f} s to encode"
        if s.reembed_usd is not None:
            sentence += f"; embedding the workload's documents again costs ${s.reembed_usd:,.2f}"
    if s.not_checked_since:
        sentence += f"; vectors are from the store: what the API gives was not checked since {s.not_checked_since}"
    return sentence


def notes(decision: Decision) -> Iterator[str]:
    """What a reader must know beside the tables."""
    yield from decision.reasons[:MOST_NOTES]
    if len(decision.reasons) > MOST_NOTES:
        yield f"and {len(decision.reasons) - MOST_NOTES:,} more reasons, in gate.json"
    yield from (f"ALARM: {alarm}" for alarm in dict.fromkeys(s.alarm for s in decision.spaces if s.alarm))
    yield from map(space_sentence, decision.spaces)
    yield from dict.fromkeys(map(sample_sentence, decision.quality))
    if decision.differences:
        yield f"baseline and candidate differ in {'; '.join(decision.differences[:MOST_NOTES])}"
    if decision.unpaired:
        yield f"not compared, no partner: {'; '.join(decision.unpaired[:MOST_NOTES])}"


def sample_sentence(q: QualityResult) -> str:
    """How many independent things a comparison was made of."""
    if q.clusters is None:
        return f"{q.corpus}: {q.queries:,} queries, taken as independent: which depend on each other wasn't modelled"
    return f"{q.corpus}: {q.queries:,} queries in {q.clusters:,} clusters, drawn and flipped as clusters"


def markdown(decision: Decision) -> str:
    """A pull-request comment: the verdict and its reasons open, tables and queries behind a fold."""
    lines = [f"## {MARKS[decision.verdict]} evalkit gate: {escaped(headline(decision))}", ""]
    lines += [f"- {escaped(note)}" for note in notes(decision)]
    rows, left_out = quality_rows(decision)
    if rows:
        cells = (quality_cells(q, decision.policy) for q in rows)
        lines += ["", f"**Quality** ({quality_caption(decision)})", "", *table(QUALITY_HEADER, cells)]
        lines += ["", left_out] if left_out else []
    if decision.resources:
        telling = sorted(decision.resources, key=lambda r: (not r.exceeds, -(r.worsening or 0)))[:MOST_ROWS]
        cells = (resource_cells(r) for r in decision.resources if r in telling)
        lines += ["", "<details><summary>Speed, memory and size</summary>", ""]
        lines += [*table(RESOURCE_HEADER, cells), "", "</details>"]
    if any(q.worst or q.best for q in rows):
        lines += ["", "<details><summary>Queries that changed most</summary>", ""]
        lines += [*changed_queries(rows[: MOST_ROWS // 4]), "", "</details>"]
    return "\n".join(lines) + "\n"


def changed_queries(results: Sequence[QualityResult]) -> Iterator[str]:
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
        for q in results
        for c in (*q.worst, *reversed(q.best))
    )
    yield from table(header, rows)


def rank(value: int | None) -> str:
    return "not found" if value is None else str(value)


class Case(NamedTuple):
    """A gated figure as JUnit has it: ``failure`` where it regressed, ``skipped`` where it says nothing."""

    name: str
    kind: str
    failure: str = ""
    skipped: str = ""


def cases(decision: Decision) -> Iterator[Case]:
    for q in decision.quality:
        failure = f"{q.baseline:.4f} → {q.candidate:.4f}, p = {q.p_drop:.4f}" if q.drop_is_shown else ""
        reason = open_question(q, decision.policy)
        yield Case(f"{q.measure} {q.pair}", "quality", failure, f"inconclusive: {reason}" if reason else "")
    for r in decision.resources:
        failure = f"{r.worsening:.2f} × worse, limit {r.limit:g} ×" if r.exceeds else ""
        yield Case(f"{r.column} {r.pair}", "resources", failure, r.not_compared)
    if not decision.quality:
        yield Case("the runs can be compared", "gate", "; ".join(decision.reasons))


def junit(decision: Decision) -> str:
    """One test case per gated figure, failures first where they are too many for one file."""
    from junitparser import Failure, JUnitXml, Skipped, TestCase, TestSuite

    all_cases = list(cases(decision))
    are_many = len(all_cases) > MOST_CASES
    kept = sorted(all_cases, key=lambda case: not case.failure)[:MOST_CASES] if are_many else all_cases
    suite, tests = TestSuite("evalkit gate"), []
    for case in kept:
        test = TestCase(case.name, case.kind)
        if case.failure:
            test.result = [Failure(case.failure)]
        elif case.skipped:
            test.result = [Skipped(case.skipped)]
        tests.append(test)
    suite.add_testcases(tests)  # one by one it would count them all again each time
    if are_many:
        suite.add_property("left out", f"{len(all_cases) - len(kept)} of {len(all_cases)} cases; gate.json has all")
    xml = JUnitXml()
    xml.add_testsuite(suite)
    return str(xml.tostring().decode("utf-8"))
