"""A skip is a failure where it is asked for, so that what was not run can't be green."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.no_skips import ALLOWED

ROOT = Path(__file__).resolve().parent.parent
SKIPS = {
    "in the test": "import pytest\ndef test_it():\n    pytest.skip('no such thing here')\n",
    "by a mark": "import pytest\n@pytest.mark.skipif(True, reason='no such thing here')\ndef test_it():\n    pass\n",
    "of the module": "import pytest\npytest.importorskip('no_such_package')\ndef test_it():\n    pass\n",
}


def run_pytest(folder: Path, text: str, no_skips: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-c", os.devnull, "-p", "tests.no_skips", "test_it.py"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "EVALKIT_NO_SKIPS": no_skips}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("text", SKIPS.values(), ids=list(SKIPS))
def test_a_skip_is_a_failure_that_says_its_reason(tmp_path: Path, text: str) -> None:
    done = run_pytest(tmp_path, text, "1")
    assert done.returncode in (1, 2)
    assert "EVALKIT_NO_SKIPS=1 makes this a failure: " in done.stdout
    assert "no such thing here" in done.stdout or "no_such_package" in done.stdout


@pytest.mark.parametrize("text", SKIPS.values(), ids=list(SKIPS))
def test_a_skip_stays_one_where_it_is_not_asked_for(tmp_path: Path, text: str) -> None:
    done = run_pytest(tmp_path, text, "")
    assert done.returncode in (0, 5)
    assert "1 skipped" in done.stdout


def test_a_skip_for_a_reason_that_is_listed_stays_one(tmp_path: Path) -> None:
    for reason in ALLOWED:
        text = f"import pytest\ndef test_it():\n    pytest.skip({reason!r})\n"
        done = run_pytest(tmp_path, text, "1")
        assert done.returncode == 0, done.stdout
        assert "1 skipped" in done.stdout


def test_an_expected_failure_is_no_skip(tmp_path: Path) -> None:
    text = "import pytest\n@pytest.mark.xfail\ndef test_it():\n    assert False\n"
    assert run_pytest(tmp_path, text, "1").returncode == 0
