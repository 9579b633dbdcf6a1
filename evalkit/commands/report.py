"""``python -m evalkit report [<run> ...]``: stored runs as one page that ranks their settings by quality and cost."""

import sys
from pathlib import Path

from evalkit.commands.arguments import split
from evalkit.config import ReportConfig
from evalkit.config.compose import compose
from evalkit.config.words import quoted
from evalkit.errors import printable


def main(arguments: list[str]) -> int:
    """Write index.html, .md, .csv and .svg, say the answer, and as the last line of stdout name the page."""
    from evalkit.reports.data.report import make_report
    from evalkit.reports.views.files import write_files
    from evalkit.results.writer import remove_unfinished

    words = split("report", arguments)
    listed = ",".join(map(quoted, words.names))
    config: ReportConfig = compose("report", words.settings + [f"runs=[{listed}]"] * bool(words.names))
    remove_unfinished(Path(config.results_dir))
    report = make_report(config)
    page = write_files(report, Path(config.reports_dir))
    for problem in report.gathered.problems:
        sys.stderr.write(f"evalkit: {printable(problem)}\n")
    for answer in report.answers:
        sys.stderr.write(f"{printable(f'{answer.title(config.within)}: {report.words(answer)}')}\n")
    sys.stdout.write(f"{page}\n")
    return 0
