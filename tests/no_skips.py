"""With ``EVALKIT_NO_SKIPS=1`` in the environment a skipped test fails, so that a run that is green has run everything.

What a test needs (a collection, a browser, an extra) must then be there, but for what ``ALLOWED`` lists.
"""

import os
from collections.abc import Generator

import pytest

ALLOWED = {"can't be mounted here": "mounting takes a right that a container may not have, root or not"}


def not_allowed(report: pytest.TestReport | pytest.CollectReport) -> str | None:
    """Why ``report`` was skipped, where that is to be a failure; else null."""
    if not os.environ.get("EVALKIT_NO_SKIPS") or not report.skipped or hasattr(report, "wasxfail"):
        return None
    reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
    if any(part in reason for part in ALLOWED):
        return None
    return f"EVALKIT_NO_SKIPS=1 makes this a failure: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if reason := not_allowed(report):
        report.outcome, report.longrepr = "failed", reason
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if reason := not_allowed(report):
        report.outcome, report.longrepr = "failed", reason
    return report
