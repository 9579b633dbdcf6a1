"""``FUZZ_MINUTES`` bounds a run of ``make fuzz``; the last lines say how many cases of each test were tried."""

import os
import time
from collections.abc import Generator

import pytest

from tests.fuzz.rule import TRIED, UNTIL, WHOLE


def pytest_configure() -> None:
    if WHOLE in os.environ and (minutes := os.environ.get("FUZZ_MINUTES")):
        os.environ.setdefault(UNTIL, str(time.time() + 60 * float(minutes)))  # workers are processes of this one


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Function) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call" and (cases := TRIED.get(f"{item.module.__name__}.{item.function.__name__}")):
        report.user_properties.append(("cases", cases))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if WHOLE not in os.environ:
        return
    reports = [report for kind in ("passed", "skipped", "failed") for report in terminalreporter.stats.get(kind, [])]
    for report in reports:
        for name, cases in report.user_properties:
            if name == "cases":
                terminalreporter.write_line(f"{cases:6,} cases  {report.outcome:6}  {report.nodeid}")
