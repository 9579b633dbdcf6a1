"""A decision in files: gate.json with everything, gate.md for a pull request, gate.junit.xml for CI."""

import json
import os
from pathlib import Path
from typing import Any

from evalkit.errors import first_line, say
from evalkit.formats.media import json_file
from evalkit.gate.answer import title, what_to_do
from evalkit.gate.comment import COMMENT_BYTES, LEAST_BYTES, markdown
from evalkit.gate.decision import Decision
from evalkit.gate.junit import junit
from evalkit.system.files import write_text

SUMMARY_BYTES = 1_000_000  # of all that one step writes; GitHub takes 1 MiB


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
    """Everything, the answer first; dataclasses within are written by their fields."""
    values = {**vars(decision), "verdict": str(decision.verdict)}
    spaces = [{**vars(space), "index_can_stay": space.index_can_stay} for space in decision.spaces]
    answer = {"title": title(decision), "verdict": values.pop("verdict"), "to_do": what_to_do(decision)}
    return {**answer, "exit_code": decision.exit_code, **values, "spaces": spaces}
