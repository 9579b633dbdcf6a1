"""``python -m evalkit report [<run> ...]``: stored runs as one page that ranks their settings by quality and cost."""

from pathlib import Path

from evalkit.commands.arguments import split
from evalkit.commands.streams import name_path
from evalkit.config import ReportConfig
from evalkit.config.compose import compose
from evalkit.config.input.words import quoted
from evalkit.errors import say


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
        say(f"evalkit: {problem}")
    for line in report.sentence.lines:
        say(line)
    for answer in report.cards:
        say(f"{answer.title(config.within)}: {report.words(answer)}")
    for each in report.others:
        say(f"{each.config.task}: {' '.join(each.sentence.lines)}")
    for uses in report.uses:
        say(f"all of these: {uses.sentence}")
    name_path(page)
    return 0
