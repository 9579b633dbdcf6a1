"""``python -m evalkit recommend 'query_ms_p95<=20' 'nDCG@10>=0.98*best'``: one setting of stored runs, and why.

Exit code 1 where no setting meets the constraints.
"""

import re
import sys
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.commands.arguments import split
from evalkit.commands.json_output import FLAGS, taken, write_json
from evalkit.commands.streams import name_path
from evalkit.config import RecommendConfig
from evalkit.config.compose import compose
from evalkit.errors import printable, say

if TYPE_CHECKING:
    from evalkit.reports.data.recommendation import Recommendation

NOTHING_MEETS = 1
WIDTH = 160  # where there is no terminal
COMPARES = re.compile("[<>≤≥]")


def main(arguments: list[str]) -> int:
    """Print the setting and why; as the last line of stdout the folder of the run that measured it."""
    from evalkit.reports.data.recommendation import recommend
    from evalkit.reports.views.recommendation import as_json as shape
    from evalkit.results.writer import remove_unfinished

    as_json, rest = taken(arguments)
    constraints = [word for word in rest if is_constraint(word)]
    words = split("recommend", [word for word in rest if word not in constraints], FLAGS)
    config: RecommendConfig = compose("recommend", words.settings)
    remove_unfinished(Path(config.results_dir))
    result = recommend(config, constraints, words.names)
    for problem in result.report.gathered.problems:
        say(f"evalkit: {problem}")
    if as_json:
        write_json(shape(result))
    else:
        show(result)
        if result.run is not None:
            name_path(result.run.folder)
    return NOTHING_MEETS if result.row is None else 0


def is_constraint(word: str) -> bool:
    """Whether ``word`` compares something, if wrongly, as in ``nDCG@10=0.9``: what it begins with is no setting."""
    key, sets, _ = word.partition("=")
    if word.startswith("-") or COMPARES.search(key):
        return not word.startswith("-")
    settings = [field.name for field in fields(RecommendConfig)]
    return bool(sets) and not get_close_matches(key.partition(".")[0], settings, n=1, cutoff=0.6)


def show(result: "Recommendation") -> None:
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    from evalkit.reports.views.recommendation import answer, lines, notes

    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    console.print(Text(printable(answer(result))))
    for verdict in result.verdicts:
        constraint, *facts = lines(result, verdict)
        console.print(Text(printable(constraint), style="bold"))
        for fact in facts:
            console.print(Padding(Text(printable(fact)), (0, 0, 0, 2)))
    for note in notes(result):
        console.print(Text(printable(note)))
