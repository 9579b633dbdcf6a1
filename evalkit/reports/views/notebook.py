"""A run as a notebook shows it: the answer and a table. Whatever is foreign is text, never markup."""

from html import escape
from typing import Any

from evalkit.formats.media import html as shown
from evalkit.reports.data.sentence import Sentence
from evalkit.results.columns import column
from evalkit.results.in_words import number, setting_words
from evalkit.results.reader import StoredRun
from evalkit.results.setting import index_label

FIGURES = ("bytes_per_vector", "query_ms_p95", "cost_month_usd")
MOST_ROWS = 100


def run_html(run: StoredRun, sentence: Sentence) -> str:
    """The answer, the points by the run's first measure, and where they lie."""
    about = run.about
    measures = list(about["config"]["measures"])
    points = sorted(about["points"], key=lambda point: -(point.get(measures[0]) or 0))
    figures = [name for name in (*measures, *FIGURES) if any(point.get(name) is not None for point in points)]
    head = "".join(f"<th>{text(title)}</th>" for title in ("corpus", "setting", *map(heading, figures)))
    rows = "".join(row(point, figures) for point in points[:MOST_ROWS])
    more = f"<p>{len(points) - MOST_ROWS:,} more points are in run.points.</p>" if len(points) > MOST_ROWS else ""
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f"{sentence_html(sentence)}{table}{more}<p><code>{text(str(run.folder))}</code></p>"


def sentence_html(sentence: Sentence) -> str:
    return f"<p><b>{text(sentence.answer)}</b> {text(sentence.how_sure)}</p>"


def row(point: dict[str, Any], figures: list[str]) -> str:
    """One point; its model is named as in the answer."""
    model = point["model"].rpartition("/")[2]
    setting = " · ".join(setting_words(model, point["dims"], point["quantization"], index_label(point)))
    values = (
        number(float("nan") if (value := point.get(name)) is None else value, column(name).unit) for name in figures
    )
    cells = "".join(f'<td style="text-align:right">{text(value)}</td>' for value in values)
    return f"<tr><td>{text(point['corpus'])}</td><td>{text(setting)}</td>{cells}</tr>"


def heading(name: str) -> str:
    return column(name).title


def text(value: str) -> str:
    """``value`` as text of a page, whatever is written in it."""
    return escape(shown(value))
