"""The workflow that users copy: what it promises of forks, caches, comments and time; test_readme has the rest."""

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.house import ROOT

TEXT = (ROOT / "docs" / "examples" / "embedding-gate.yml").read_text(encoding="utf-8")
WORKFLOW: dict[Any, Any] = yaml.safe_load(TEXT)
JOB = WORKFLOW["jobs"]["gate"]
STEPS: list[dict[str, Any]] = JOB["steps"]


def step(words: str) -> dict[str, Any]:
    (found,) = [each for each in STEPS if words in str(each)]
    return found


def test_it_is_limited_in_time_and_a_new_push_stops_the_last_one() -> None:
    assert JOB["timeout-minutes"] <= 60
    assert WORKFLOW["concurrency"]["cancel-in-progress"] is True
    assert "github.event.number" in WORKFLOW["concurrency"]["group"]


def test_it_installs_pytorch_for_the_cpu_within_constraints() -> None:
    install = step("pip install")["run"]
    assert "--constraint constraints.txt" in install
    assert "https://download.pytorch.org/whl/cpu" in install


def test_what_was_encoded_is_kept_also_on_failure() -> None:
    restored, saved = step("actions/cache/restore"), step("actions/cache/save")
    assert saved["if"] == "always()"
    assert restored["with"]["path"] == saved["with"]["path"]
    assert restored["with"]["key"] == saved["with"]["key"]
    assert restored["with"]["key"].startswith(restored["with"]["restore-keys"])


def test_a_fork_needs_no_secret_and_no_right_to_write() -> None:
    assert "secrets." not in TEXT
    assert "pull_request_target" not in TEXT
    assert "!github.event.pull_request.head.repo.fork" in step("GH_TOKEN")["if"]
    assert WORKFLOW["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert STEPS[0]["with"]["persist-credentials"] is False


def test_no_word_of_a_pull_request_reaches_a_shell() -> None:
    """Expressions are put into scripts as they are, before the shell reads them."""
    assert not [each for each in STEPS if "${{" in each.get("run", "")]


def test_one_comment_is_renewed() -> None:
    run = step("GH_TOKEN")["run"]
    assert "--method PATCH" in run
    assert "--method POST" in run
    assert run.index('select(.body | startswith(\\"$MARK\\")') < run.index("PATCH")


def test_failed_tests_of_junit_are_shown_as_they_are(tmp_path: Path) -> None:
    """Run as it stands, on a file whose words would be commands on a line of their own."""
    (tmp_path / "reports" / "gate").mkdir(parents=True)
    failed = '<testcase name="a 100%0A::set-env name=x::y"><failure message="0.9 → 0.8"/></testcase>'
    text = f'<testsuites><testsuite><testcase name="b"/>{failed}</testsuite></testsuites>'
    (tmp_path / "reports" / "gate" / "gate.junit.xml").write_text(text, encoding="utf-8")
    script = step("from xml.etree")["run"].replace("python -", f"{shlex.quote(sys.executable)} -")
    done = subprocess.run(["bash", "-e", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "::error title=embedding gate::a 100%250A::set-env name=x::y: 0.9 → 0.8\n"
