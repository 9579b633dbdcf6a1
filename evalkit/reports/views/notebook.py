"""A run as a notebook shows it: the answer and a table. Whatever is foreign is text, never markup."""

from collections.abc import Mapping
from html import escape
from typing import Any

from evalkit.formats.media import html as shown
from evalkit.reports.data.sentence import Sentence
from evalkit.results.columns import column
from evalkit.results.in_words import SEPARATOR, number, setting_words
from evalkit.results.reader import StoredRun
from evalkit.results.setting import index_label
from evalkit.results.task_measures import measures_of, measures_of_point

FIGURES = ("bytes_per_vector", "query_ms_p95", "cost_month_usd")
MOST_ROWS = 40


def run_html(run: StoredRun, sentence: Sentence) -> str:
    """The answer, the points of each task and corpus by its first measure, and where they lie."""
    about = run.about
    measures = measures_of(about) or list(about["config"]["measures"])
    corpora = list(dict.fromkeys(point["corpus"] for point in about["points"]))
    tasks = list(dict.fromkeys(point["task"] for point in about["points"]))
    places = [(tasks.index(p["task"]), corpora.index(p["corpus"]), -main(about, p)) for p in about["points"]]
    points = [about["points"][i] for i in sorted(range(len(places)), key=places.__getitem__)]
    figures = [name for name in (*measures, *FIGURES) if any(point.get(name) is not None for point in points)]
    head = "".join(f"<th>{text(title)}</th>" for title in ("corpus", "setting", *map(heading, figures)))
    rows = "".join(row(point, figures) for point in points[:MOST_ROWS])
    more = f"<p>{len(points) - MOST_ROWS:,} more points are in run.points.</p>" if len(points) > MOST_ROWS else ""
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f"{sentence_html(sentence)}{table}{more}<p><code>{text(str(run.folder))}</code></p>"


def main(about: Mapping[str, Any], point: Mapping[str, Any]) -> float:
    """A point's first measure, 0 where it is null."""
    return point.get(next(iter(measures_of_point(about, point)), "")) or 0.0


def sentence_html(sentence: Sentence) -> str:
    answer, *rest = sentence.lines
    return f"<p><b>{text(answer)}</b> {text(' '.join(rest))}</p>"


def row(point: dict[str, Any], figures: list[str]) -> str:
    """One point, by its model where it has nothing else to be called by."""
    model = point["model"].rpartition("/")[2]
    words = setting_words(model, point["dims"], point["quantization"], index_label(point))
    setting = SEPARATOR.join(words[1:] or words)
    values = (
        number(float("nan") if (value := point.get(name)) is None else value, column(name).unit) for name in figures
    )
    cells = "".join(cell(value, "right") for value in values)
    return f"<tr><td>{text(point['corpus'])}</td>{cell(setting, 'left')}{cells}</tr>"


def cell(value: str, align: str) -> str:
    return f'<td style="text-align:{align};white-space:nowrap">{text(value)}</td>'


def heading(name: str) -> str:
    return column(name).title


def text(value: str) -> str:
    """``value`` as text of a page, whatever is written in it."""
    return escape(shown(value))
