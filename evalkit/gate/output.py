"""A decision in words and files: the terminal, gate.json, gate.md for a pull request, gate.junit.xml for CI."""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.errors import abridged, first_line, say
from evalkit.formats.media import json_file, one_line
from evalkit.formats.media import markdown as literally
from evalkit.gate.decision import NO_REGRESSION, NON_INFERIOR, Decision, Verdict, open_question
from evalkit.gate.fitting import Part, fitted
from evalkit.gate.quality import QualityResult, QueryChange
from evalkit.gate.resources import ResourceResult
from evalkit.gate.space import CHUNKED_DIFFERENTLY, DIFFERENT, DRIFTED, QUERIES_CHANGED, SAME, UNKNOWN, SpaceResult
from evalkit.results.markdown import table
from evalkit.results.percent import percent
from evalkit.system.files import write_text

MARKS = {Verdict.PASS: "✅", Verdict.REGRESSION: "❌", Verdict.NOT_COMPARABLE: "⛔", Verdict.INCONCLUSIVE: "❓"}
MORE_QUALITY = "{} more comparisons, less telling than these, are in gate.json"
QUALITY_HEADER = ("setting", "measure", "baseline", "candidate", "difference [interval]", "p", "detectable", "W/T/L")
COMMENT_BYTES = 64_000  # GitHub takes 65,536 characters, and a workflow may put a line of its own around
SUMMARY_BYTES = 1_000_000  # of all that one step writes; GitHub takes 1 MiB
LEAST_BYTES = 32_000  # for the lines around the rows, whatever names they have
MOST_ROWS = 40  # of a table
MOST_NOTES = 20
MOST_IN_CELL, MOST_IN_TITLE, MOST_IN_NOTE = 200, 300, 1_000  # characters
MOST_CASES = 5_000  # of JUnit's, failures first
CORRECTIONS = {
    NO_REGRESSION: "p of no drop, adjusted for all {count} comparisons at once (step-down maximum over sign flips)",
    NON_INFERIOR: "p of a drop beyond the tolerance; all {count} comparisons must pass, so none is adjusted",
}
END_OF_FOLD = ("", "</details>")
QUERIES_HEADER = ("setting", "measure", "query", "baseline", "candidate", "rank before", "rank after")
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
    write_text(folder / "gate.json", json_file(values) + "\n")
    write_text(folder / "gate.md", markdown(decision))
    write_text(folder / "gate.junit.xml", junit(decision))
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        add_to_summary(decision, Path(summary))


def add_to_summary(decision: Decision, file: Path) -> None:
    """What gate.md says behind what ``file`` has, in what is left of a step's summary; nothing where too little is.

    Where it can't be written, a line on stderr says so: the verdict stays what it is.
    """
    try:
        left = SUMMARY_BYTES - (file.stat().st_size if file.exists() else 0)
        if left >= LEAST_BYTES:
            with file.open("a", encoding="utf-8") as summary:
                summary.write(markdown(decision, min(left, COMMENT_BYTES)))
    except (OSError, ValueError) as error:
        say(f"evalkit: warning: {file}, which GITHUB_STEP_SUMMARY names, can't be written: {first_line(error)}")


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
    worst = [decision.quality[i] for i in worst_quality_first(decision)[:MOST_ROWS]]
    return worst, MORE_QUALITY.format(f"{len(decision.quality) - MOST_ROWS:,}")


def worst_quality_first(decision: Decision) -> list[int]:
    """The places of all comparisons: of drops that are shown, of open questions, of the rest; each by rising p."""

    def worth(place: int) -> tuple[bool, bool, float, float]:
        q = decision.quality[place]
        return not q.drop_is_shown, not open_question(q, decision.policy), q.p_drop, q.evidence.mean

    return sorted(range(len(decision.quality)), key=worth)


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
    yield from map(space_sentence, sorted(decision.spaces, key=lambda space: space.index_can_stay))
    yield from dict.fromkeys(map(sample_sentence, decision.quality))
    if decision.differences:
        yield f"baseline and candidate differ in {listed(decision.differences)}"
    if decision.unpaired:
        yield f"not compared, no partner: {listed(decision.unpaired)}"


def listed(names: Sequence[str]) -> str:
    """The first of ``names``, and how many more there are."""
    more = len(names) - MOST_NOTES
    return "; ".join(names[:MOST_NOTES]) + (f"; and {more:,} more, in gate.json" if more > 0 else "")


def sample_sentence(q: QualityResult) -> str:
    """How many independent things a comparison was made of."""
    if q.clusters is None:
        return f"{q.corpus}: {q.queries:,} queries, taken as independent: which depend on each other wasn't modelled"
    return f"{q.corpus}: {q.queries:,} queries in {q.clusters:,} clusters, drawn and flipped as clusters"


def markdown(decision: Decision, most_bytes: int = COMMENT_BYTES) -> str:
    """A pull-request comment: the verdict and its reasons open, tables and queries behind a fold.

    It takes at most ``most_bytes`` of UTF-8 (32,000 or more). Where it would take more, whole rows are left out, the
    worst stay, and how many are missing is said.
    """
    parts = [of_notes(decision)]
    if decision.quality:
        parts.append(of_quality(decision))
    if decision.resources:
        parts.append(of_resources(decision))
    if any(q.worst or q.best for q in decision.quality):
        parts.append(of_queries(decision))
    return fitted(parts, most_bytes)


def of_notes(decision: Decision) -> Part:
    title = f"## {MARKS[decision.verdict]} evalkit gate: {literally(abridged(headline(decision), MOST_IN_TITLE))}"
    rows = [f"- {literally(abridged(note, MOST_IN_NOTE))}" for note in notes(decision)]
    return Part(rows, opening=(title, ""), left_out="- and {} more notes, of what is in gate.json")


def of_quality(decision: Decision) -> Part:
    cells = [quality_cells(q, decision.policy) for q in decision.quality]
    title = f"**Quality** ({quality_caption(decision)})"
    return of_table(("", title), QUALITY_HEADER, cells, (), MORE_QUALITY, worst_quality_first(decision))


def of_resources(decision: Decision) -> Part:
    results = decision.resources
    worst_first = sorted(range(len(results)), key=lambda i: (not results[i].exceeds, -(results[i].worsening or 0)))
    cells = [resource_cells(r) for r in results]
    more = "{} more figures, less telling than these, are in gate.json"
    return of_table(folded("Speed, memory and size"), RESOURCE_HEADER, cells, END_OF_FOLD, more, worst_first)


def of_queries(decision: Decision) -> Part:
    """Of each of the most telling comparisons the queries that changed most."""
    results = [decision.quality[i] for i in worst_quality_first(decision)]
    cells = [query_cells(q, change) for q in results for change in (*q.worst, *reversed(q.best))]
    shown = sum(len(q.worst) + len(q.best) for q in results[: MOST_ROWS // 4])
    more = "{} more changed queries are in gate.json"
    return of_table(folded("Queries that changed most"), QUERIES_HEADER, cells, END_OF_FOLD, more, most_rows=shown)


def of_table(
    opening: Sequence[str],
    header: Sequence[str],
    cells: Sequence[Sequence[str]],
    closing: Sequence[str],
    left_out: str,
    worst_first: Sequence[int] | None = None,
    most_rows: int = MOST_ROWS,
) -> Part:
    lines = list(table(header, ([abridged(cell, MOST_IN_CELL) for cell in row] for row in cells)))
    top, rows = lines[:2], lines[2:]
    return Part(rows, (*opening, "", *top), closing, worst_first, f"\n{left_out}", most_rows)


def folded(title: str) -> tuple[str, ...]:
    return "", f"<details><summary>{title}</summary>"


def query_cells(q: QualityResult, change: QueryChange) -> tuple[str, ...]:
    scores = f"{change.baseline:.4f}", f"{change.candidate:.4f}"
    return q.pair, q.measure, change.query_id, *scores, rank(change.baseline_rank), rank(change.candidate_rank)


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
        test = TestCase(in_junit(case.name), case.kind)
        if case.failure:
            test.result = [Failure(in_junit(case.failure))]
        elif case.skipped:
            test.result = [Skipped(in_junit(case.skipped))]
        tests.append(test)
    suite.add_testcases(tests)  # one by one it would count them all again each time
    if are_many:
        suite.add_property("left out", f"{len(all_cases) - len(kept)} of {len(all_cases)} cases; gate.json has all")
    xml = JUnitXml()
    xml.add_testsuite(suite)
    return str(xml.tostring().decode("utf-8"))


def in_junit(text: str) -> str:
    return one_line(abridged(text, MOST_IN_NOTE))
