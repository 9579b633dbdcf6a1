"""The report as one HTML file: nothing in it comes from outside, and nothing from data is markup or script."""

import base64
import hashlib
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from evalkit import __version__
from evalkit.formats.media import html as shown
from evalkit.formats.media import script_json
from evalkit.reports.data.answers import nothing_shown
from evalkit.reports.data.provenance import assumptions, provenance
from evalkit.reports.data.report import Report
from evalkit.reports.data.scopes import unfiltered
from evalkit.reports.data.sentence import advice_of
from evalkit.reports.views.controls import filters, what_if_fields
from evalkit.reports.views.marks import palette_css
from evalkit.reports.views.page_data import page_data
from evalkit.reports.views.size_parts import size_parts
from evalkit.reports.views.tables import crossings, heats, hosted_headers, points_rows, rankings, table_headers
from evalkit.reports.views.task_parts import svg_of, task_parts, uses_headers, uses_notes, uses_rows
from evalkit.results.columns import DIRECTED
from evalkit.results.headings import in_words
from evalkit.results.percent import percent

ASSETS = files("evalkit.reports.views") / "assets"
SCRIPTS = (
    "vendor/echarts.common.min.js",
    "vendor/sortable.min.js",
    "vendor/sortable.a11y.min.js",
    "data.js",
    "words.js",
    "certainty.js",
    "sentence.js",
    "answers.js",
    "chart.js",
    "labels.js",
    "cut.js",
    "bars.js",
    "tables.js",
    "queries.js",
    "page.js",
)


def html_page(report: Report, svg: str) -> str:
    """The whole page. ``svg`` is the chart for readers without JavaScript and for print."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    scripts = [(ASSETS / name).read_text(encoding="utf-8") for name in SCRIPTS]
    data = page_data(report)
    template = Environment(
        autoescape=True, finalize=shown, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    points = points_rows(report)
    return template.from_string((ASSETS / "index.html.j2").read_text(encoding="utf-8")).render(
        version=__version__,
        config=report.config,
        policy=policy(scripts),
        css=Markup((ASSETS / "page.css").read_text(encoding="utf-8") + palette_css()),  # noqa: S704
        scripts=[Markup(script) for script in scripts],  # noqa: S704
        data=Markup(script_json(data)),  # noqa: S704
        svg=Markup(svg),  # noqa: S704
        counts=counts(report),
        caption=caption(report),
        confidence=f"{percent(1 - report.config.alpha)} intervals",
        scope=report.scopes[0],
        scopes=report.scopes,
        measures=report.gathered.measures,
        headings=data["headings"],
        axes=[column for name, column in DIRECTED.items() if name in report.gathered.points],
        sentence=report.sentence,
        item=item_of(report),
        parts=[{**part, "svg": Markup(svg_of(part["report"]))} for part in task_parts(report)],  # noqa: S704
        uses=list(uses_parts(report)),
        sizes=[{**part, "svg": Markup(part["svg"])} for part in size_parts(report)],  # noqa: S704
        recipe=report.recipe,
        recipe_of="" if report.sentence.row is None else advice_of(report.table.iloc[report.sentence.row]),
        answers=list(answer_cards(report)),
        nothing_shown=nothing_shown(report.answers, report.quality, report.config.within),
        warnings=report.warnings,
        filters=list(filters(report)),
        fields=list(what_if_fields(report, data["prices"])),
        assumptions=list(assumptions(report)),
        rankings=list(rankings(report)),
        long_documents=report.long_documents,
        heats=list(heats(report)),
        hosted=hosted_headers(report),
        crossings=list(crossings(report)),
        headers=list(table_headers(report)),
        points=points,
        points_left_out=len(report.gathered.points) - len(points),
        query_corpora=list(data["queries"]),
        runs=list(provenance(report)),
    )


def policy(scripts: list[str]) -> str:
    """A Content-Security-Policy that allows these scripts, styles in the page, and nothing from anywhere."""
    sums = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in sums)
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def counts(report: Report) -> str:
    """``1 model, 2 corpora, 12 points.``; what filters leave of corpora are no corpora of their own."""
    points = report.gathered.points
    corpora = unfiltered(points)["corpus"].nunique()
    left_by_filters = points["corpus"].nunique() - corpora
    filtered = [(left_by_filters, "filtered corpus")] if left_by_filters else []
    kinds = [(points["model"].nunique(), "model"), (corpora, "corpus"), *filtered, (len(points), "point")]
    plural = {"corpus": "corpora", "filtered corpus": "filtered corpora"}
    words = [f"{count:,} {name if count == 1 else plural.get(name, name + 's')}" for count, name in kinds]
    return f"{', '.join(words)}."


def uses_parts(report: Report) -> Iterator[dict[str, Any]]:
    """What each use keeps, of every model that several tasks judged."""
    for uses in report.uses:
        notes = list(uses_notes(uses, report.config.alpha))
        table = {"headers": uses_headers(uses), "rows": list(uses_rows(uses))}
        yield {"model": uses.model, "sentence": uses.sentence, "notes": notes, **table}


def item_of(report: Report) -> str:
    """One of what is judged: ``query``, ``text``."""
    items = report.config.items
    return f"{items.removesuffix('ies')}y" if items.endswith("ies") else items.removesuffix("s")


def caption(report: Report) -> str:
    config = report.config
    rim = ", a dark rim a stage behind the search" if config.searches else ""
    return (
        f"{config.measure} against {in_words(config.cost)} on {report.scopes[0].words}: colour is the model, shape the "
        f"quantization, size the dims{rim}; the line is the Pareto front."
    )


def answer_cards(report: Report) -> Iterator[dict[str, Any]]:
    displayed = {answer.key for answer in report.cards}
    for answer in report.answers:
        title, hidden = answer.title(report.config.within), answer.key not in displayed
        yield {"key": answer.key, "title": title, "words": report.words(answer), "hidden": hidden}
