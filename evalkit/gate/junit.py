"""A decision for CI systems, as tests: one case per gated figure."""

from collections.abc import Iterator
from typing import NamedTuple

from evalkit.errors import abridged
from evalkit.formats.media import one_line
from evalkit.gate.answer import title, verdict_line
from evalkit.gate.decision import Decision, open_question
from evalkit.gate.words import changed_by

MOST_IN_NOTE = 1_000  # characters
MOST_CASES = 5_000  # failures first


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
        failure = f"{changed_by(r)}, limit {r.limit:g} ×" if r.exceeds else ""
        yield Case(f"{r.column} {r.pair}", "resources", failure, r.not_compared)
    if not decision.quality:
        yield Case("the runs can be compared", "gate", "; ".join(decision.reasons))


def junit(decision: Decision) -> str:
    """One test case per gated figure, failures first where they are too many for one file.

    The suite's name says what changed, its properties the verdict and what to do.
    """
    from junitparser import Failure, JUnitXml, Skipped, TestCase, TestSuite

    all_cases = list(cases(decision))
    are_many = len(all_cases) > MOST_CASES
    kept = sorted(all_cases, key=lambda case: not case.failure)[:MOST_CASES] if are_many else all_cases
    suite, tests = TestSuite(in_junit(f"evalkit gate: {title(decision)}")), []
    suite.add_property("verdict", in_junit(verdict_line(decision)))
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
