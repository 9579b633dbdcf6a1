"""The page in a real browser: no error and no request, and what a reader does has the effect that Python works out."""

import csv
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.config import ReportConfig
from evalkit.measures.laws import TERMS, Law
from evalkit.reports.data.answers import nothing_shown
from evalkit.reports.data.quality import to_the_best
from evalkit.reports.data.report import Report, make_report
from evalkit.reports.views.files import write_files
from evalkit.reports.views.page_data import law_data
from tests.reports.conftest import WriteRun, config_maker, noisy, run_writer

Config = Callable[..., ReportConfig]
sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium (apt-get install chromium)")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
BYTES = {"float32": 4.0, "int8": 1.0, "binary": 0.125}
MOST_MS = 300_000  # of a machine that does much else
SCORES = {"float32": 0.60, "int8": 0.598, "binary": 0.45}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def config_of_two(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A report's config over two models on two corpora: m is better and slow, n is nearly as good and quick."""
    folder = tmp_path_factory.mktemp("two")
    write_run = run_writer(folder / "results")
    for model, worse, tokens_per_second in (("m", 0.0, 500.0), ("n", 0.003, 50_000.0)):
        write_run(
            model,
            {
                corpus: {
                    (dims, quantization): noisy(score - worse - 5 / dims, seed=dims + len(quantization))
                    for dims in (64, 256)
                    for quantization, score in SCORES.items()
                }
                for corpus in ("x", "y")
            },
            model=f"org/{model}",
            texts={"q0": "</script><b>bold</b>"},
            figures=lambda corpus, setting, speed=tokens_per_second: {
                "bytes_per_document": setting[0] * BYTES[setting[1]],
                "index_bytes": 1_000 * setting[0] * BYTES[setting[1]],
                "tokens_per_second": None if setting == (64, "binary") else speed,  # priced by its documents
                "encode_query_ms_p95": 10 + setting[0] / 100,
                "encode_query_ms_mean": 7 + setting[0] / 100,
                "encode_cores": None if setting[1] == "int8" else 1,
                "overlap@10_at_size": 0.975 if setting[1] == "int8" else None,
                "overlap_size": 16_384 if setting[1] == "int8" else None,
            },
        )
    return config_maker(folder / "results", folder / "reports")


@pytest.fixture(scope="module")
def report(config_of_two: Config) -> Report:
    return make_report(config_of_two())


@pytest.fixture(scope="module")
def page_file(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_files(report, tmp_path_factory.mktemp("page"))


@pytest.fixture
def opened(chromium: Any, page_file: Path) -> Iterator[Any]:
    """The page, opened from its file; afterwards nothing may have been asked for or complained about."""
    heard: list[str] = []
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.on("console", lambda message: heard.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: heard.append(f"error: {error}"))
    page.on("request", lambda request: heard.append(f"request: {request.url}"))
    page.goto(page_file.as_uri(), timeout=MOST_MS)
    yield page
    assert heard == [f"request: {page_file.as_uri()}"]
    page.close()


def said(page: Any) -> dict[str, dict[str, str]]:
    """question → part → text of the answers."""
    parts = "card => [...card.querySelectorAll('[data-part]')].map(part => [part.dataset.part, part.textContent])"
    cards = page.locator("[data-question]").evaluate_all(
        f"cards => cards.map(card => [card.dataset.question, ({parts})(card)])"
    )
    return {question: dict(of_card) for question, of_card in cards}


def assert_twins_agree(page: Any, report: Report) -> None:
    """Sentence, cards and what is said of them all are Python's."""
    assert said(page) == expected(report)
    displayed = {card.key for card in report.cards}
    assert (
        set(page.locator("[data-question]:visible").evaluate_all("all => all.map(e => e.dataset.question)"))
        == displayed
    )
    assert page.locator("#answer").text_content() == report.sentence.answer
    assert page.locator("#how-sure").text_content() == report.sentence.how_sure
    assert ("few" in (page.locator("#how-sure").get_attribute("class") or "")) == report.sentence.few_queries
    nothing = nothing_shown(report.answers, report.quality, report.config.within)
    assert page.locator("#nothing-shown").text_content() == nothing
    labels = page.evaluate(
        "Object.fromEntries(chartLabels(cards(answers(rowsLeft(rows()))), sentence(rowsLeft(rows())).row))"
    )
    assert {int(row): text for row, text in labels.items()} == report.chart_labels


def expected(report: Report) -> dict[str, dict[str, str]]:
    return {answer.key: vars(report.words(answer)) for answer in report.answers}


def shown_rows(page: Any) -> list[list[str]]:
    rows = page.locator("#points tbody tr:not([hidden])")
    return rows.evaluate_all("rows => rows.map(row => [...row.cells].map(cell => cell.textContent))")


def headers(page: Any) -> list[str]:
    return page.locator("#points thead th").all_text_contents()


def test_the_scripts_say_what_python_said(opened: Any, report: Report) -> None:
    assert_twins_agree(opened, report)
    assert (
        opened.locator("#chart-note").text_content().startswith(f"12 of 12 settings, {report.front.sum()} on the front")
    )
    assert opened.locator("#chart svg path").count() > 12


@pytest.mark.parametrize(
    "workload",
    [
        {"documents": 50_000_000},
        {"documents": 20_000},
        {"documents": 500},
        {"queries_per_month": 123_456_789, "replicas": 3},
        {"machine_hours_per_month": 730, "write_off_months": 36},
        {"tokens_per_document": 17.5, "tokens_per_query": 3, "reembeddings_per_year": 4},
    ],
)
def test_a_what_if_costs_what_python_says(workload: dict[str, float], opened: Any, config_of_two: Config) -> None:
    for name, value in workload.items():
        opened.locator(f"#workload-{name}").fill(str(value))
    elsewhere = make_report(config_of_two(*(f"workload.{name}={value}" for name, value in workload.items())))
    assert_twins_agree(opened, elsewhere)
    points = elsewhere.gathered.points
    place = headers(opened).index("cost per month, $")
    found = {tuple(row[:5]): float(row[place].replace(",", "").replace("–", "nan")) for row in shown_rows(opened)}
    keys = ["model", "dims", "quantization", "index", "corpus"]
    wanted = {
        (*map(str, key[:3]), "exact", key[4]): cost
        for *key, cost in points[[*keys, "cost_month_usd"]].itertuples(index=False)
    }
    assert found == {key: pytest.approx(cost, abs=0.00501, nan_ok=True) for key, cost in wanted.items()}


@pytest.mark.parametrize("documents", [1, 5, 500, 1_000, 20_000, 40_000, 10**8])
def test_every_term_of_a_law_is_the_same_in_both(documents: int, opened: Any) -> None:
    for number, term in enumerate(TERMS):
        law = Law(
            {term: 0.37, "one": number}, (), holds_from=40_000, own_vectors=700, own=1.25, vectors_per_document=1.5
        )
        found = opened.evaluate(f"lawAt({json.dumps(law_data(law))}, {documents})")
        assert found == pytest.approx(law.at(documents), rel=1e-6)


def test_prices_can_be_changed_and_reset(opened: Any, config_of_two: Config, report: Report) -> None:
    opened.get_by_label("$ per hour of AWS c7a.large").fill("5")
    opened.get_by_label("$ per GB and month").fill("0.5")
    elsewhere = make_report(config_of_two("pricing.usd_per_hour=5", "pricing.storage.ram.usd_per_gb_month=0.5"))
    assert said(opened) == expected(elsewhere)
    opened.get_by_role("button", name="Reset").click()
    opened.wait_for_timeout(50)
    assert said(opened) == expected(report)


def test_a_hosted_model_costs_its_tokens_in_both(
    chromium: Any, write_run: WriteRun, config: Config, tmp_path: Path
) -> None:
    scores = {"x": {(64, "float32"): noisy(0.5)}}
    write_run("here", scores, model="org/m")
    write_run("api", scores, model="text-embedding-3-small", runtime={"device": "hosted", "runtime": "openai"})
    write_run("unpriced", scores, model="text-embedding-99", runtime={"device": "hosted", "runtime": "openai"})
    page = chromium.new_page()
    page.goto(write_files(make_report(config()), tmp_path / "hosted").as_uri(), timeout=MOST_MS)
    page.get_by_label("$ per million tokens of text-embedding-3-small").fill("0.5")
    page.locator("#workload-documents").fill("3000000")
    dearer = ["pricing.models.text_embedding_3_small.usd_per_million_tokens=0.5", "workload.documents=3000000"]
    points = make_report(config(*dearer)).gathered.points.set_index("model_name")
    place = headers(page).index("cost of embedding once, $")
    shown = {row[0]: row[place] for row in shown_rows(page)}
    assert shown["text-embedding-3-small"] == "300.00"  # 3 million documents of 200 tokens at $0.50 per million
    assert points["cost_embed_once_usd"]["text-embedding-3-small"] == pytest.approx(300)
    assert shown["text-embedding-99"] == "–"
    assert float(shown["m"]) == pytest.approx(points["cost_embed_once_usd"]["org/m"], abs=0.005)
    page.close()


def test_what_has_no_vectors_goes_by_its_name(
    chromium: Any, write_run: WriteRun, config: Config, tmp_path: Path
) -> None:
    write_run("words", {"x": {(None, "none"): noisy(0.6)}}, model="bm25", engine="bm25s", index="bm25")
    write_run("vectors", {"x": {(64, "float32"): noisy(0.5), (256, "float32"): noisy(0.55)}})
    report = make_report(config())
    assert report.words(report.answers[0]).setting == "BM25"
    page = chromium.new_page()
    heard: list[str] = []
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.goto(write_files(report, tmp_path / "words").as_uri(), timeout=MOST_MS)
    assert said(page) == expected(report)
    assert page.locator("#chart-note").text_content().startswith("3 of 3")
    assert shown_rows(page)[0][:5] == ["BM25", "–", "–", "BM25", "x"]
    page.locator("[data-filter=dims][value='no vectors']").uncheck()
    assert page.locator("#chart-note").text_content().startswith("2 of 3")
    assert {row[0] for row in shown_rows(page)} == {"m"}
    page.locator("[data-filter=dims][value='no vectors']").check()
    line = next(line for line in page.evaluate("csv()").splitlines() if line.startswith("bm25"))
    assert line.startswith("bm25,x,,no vectors,bm25,")
    assert heard == []
    page.close()


def test_a_slider_changes_who_is_cheapest(opened: Any, report: Report) -> None:
    before = said(opened)["cheapest possible"]
    slider = opened.get_by_label("documents, logarithmic")
    slider.fill("9.5")
    after = said(opened)["cheapest possible"]
    assert opened.locator("#workload-documents").input_value() == "3200000000"
    assert before["figure"] != after["figure"]
    assert before["setting"].startswith("n ·")


def test_where_a_hosted_model_gets_dearer_follows_the_price_and_is_no_claim_without_one(
    opened: Any, report: Report, chromium: Any, write_run: WriteRun, config: Config, tmp_path: Path
) -> None:
    row = opened.locator(".crossings tbody tr").first.locator("td").all_text_contents()
    opened.get_by_label("$ per hour of AWS c7a.large").fill("0.10264")
    assert opened.locator(".crossings tbody tr").first.locator("td").all_text_contents() == row  # twins agree
    opened.get_by_label("$ per hour of AWS c7a.large").fill("1000")
    assert set(opened.locator(".crossings [data-crossing]").all_text_contents()) == {"never"}
    write_run("apple", {"x": {(64, "float32"): noisy(0.5)}}, model="org/a", runtime={"device": "mps"})
    page = chromium.new_page()
    page.goto(write_files(make_report(config("runs=[apple]")), tmp_path / "apple").as_uri(), timeout=MOST_MS)
    assert set(page.locator(".crossings [data-crossing]").all_text_contents()) == {"–"}
    page.close()


def test_a_bad_number_is_marked_and_changes_nothing(opened: Any, report: Report) -> None:
    field = opened.locator("#workload-documents")
    field.fill("-5")
    assert field.get_attribute("aria-invalid") == "true"
    assert said(opened) == expected(report)


def test_filters_leave_out_points_in_chart_and_table(opened: Any) -> None:
    assert len(shown_rows(opened)) == 24
    opened.get_by_role("checkbox", name="int8").uncheck()
    assert opened.locator("#chart-note").text_content().startswith("8 of 12 settings")
    assert {row[2] for row in shown_rows(opened)} == {"float32", "binary"}
    opened.locator("[data-filter=model][value=m]").uncheck()
    opened.locator("[data-filter=dims][value='64']").uncheck()
    assert {(row[0], row[1]) for row in shown_rows(opened)} == {("n", "256")}
    assert opened.locator("#points-note").text_content() == "4 points"


def test_the_table_finds_words(opened: Any) -> None:
    opened.locator("#find").fill(" INT8  64")
    assert {tuple(row[1:3]) for row in shown_rows(opened)} == {("64", "int8")}
    opened.locator("#find").fill("nowhere")
    assert shown_rows(opened) == []


def test_another_corpus_and_axis_redraw_the_chart(opened: Any) -> None:
    opened.locator("#scope").select_option("y")
    assert {row[4] for row in shown_rows(opened)} == {"y"}
    assert opened.locator("[data-ranking]:visible").count() == 1
    opened.locator("#x").select_option("bytes_per_document")
    assert "size per document, B" in opened.locator("#chart svg").text_content()
    opened.locator("#log").uncheck()
    assert opened.locator("#chart-note").text_content().startswith("12 of 12")


def test_the_table_sorts_by_click_and_by_keyboard(opened: Any) -> None:
    place = headers(opened).index("size per document, B")
    header = opened.locator("#points thead th").nth(place)
    header.click()
    opened.wait_for_timeout(50)
    values = [float(row[place].replace(",", "")) for row in shown_rows(opened)]
    assert values == sorted(values, reverse=True)
    header.press("Enter")
    opened.wait_for_timeout(50)
    values = [float(row[place].replace(",", "")) for row in shown_rows(opened)]
    assert values == sorted(values)


def test_the_download_has_the_shown_points(opened: Any, report: Report, tmp_path: Path) -> None:
    opened.get_by_role("checkbox", name="binary").uncheck()
    with opened.expect_download() as download:
        opened.locator("#download").click()
    download.value.save_as(tmp_path / "points.csv")
    with (tmp_path / "points.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 16
    points = report.gathered.points.set_index(["model", "corpus", "dims", "quantization"])
    for row in rows:
        point = points.loc[(row["model"], row["corpus"], int(row["dims"]), row["quantization"])]
        assert float(row["cost_month_usd"]) == pytest.approx(point["cost_month_usd"], rel=1e-5)
        assert float(row["nDCG@10"]) == pytest.approx(point["nDCG@10"], rel=1e-5)


def test_the_download_computes_nothing(chromium: Any, write_run: WriteRun, config: Config, tmp_path: Path) -> None:
    write_run("a", {"=1+1": {(64, "@SUM(1)"): noisy(0.5)}, "-1": {(64, '+"a,b"'): noisy(0.5)}}, model="=cmd|'x'!A0")
    page = chromium.new_page()
    page.goto(write_files(make_report(config()), tmp_path / "reports").as_uri(), timeout=MOST_MS)
    ((_, *cells), *others) = list(csv.reader(page.evaluate("csv()").splitlines()))
    assert "corpus" in cells
    assert {(row[0], row[1], row[3]) for row in others} >= {("'=cmd|'x'!A0", "'=1+1", "'@SUM(1)")}
    assert all(not cell.startswith(("=", "+", "@")) for row in others for cell in row)
    page.close()


def test_arrow_keys_walk_over_the_settings(opened: Any, report: Report) -> None:
    opened.locator("#chart").focus()
    opened.keyboard.press("ArrowRight")
    first = report.table["cost_month_usd"].idxmin()
    spoken = opened.locator("#chart-said").text_content()
    assert report.table["model"][first] in spoken
    assert "nDCG@10" in spoken
    opened.keyboard.press("ArrowLeft")
    assert opened.locator("#chart-said").text_content() != spoken


def test_hovering_shows_the_whole_point(opened: Any) -> None:
    opened.evaluate("charts.chart.dispatchAction({ type: 'showTip', seriesIndex: 0, dataIndex: 3 })")
    text = opened.locator("#chart > div").last.inner_text()
    for name in ("nDCG@10", "a document", "ms for a whole query (p95)", "a month", "of the best"):
        assert name in text


def test_queries_won_and_lost_are_those_of_the_runs(opened: Any, report: Report) -> None:
    opened.locator("#queries-corpus").select_option("x")
    for select, label in (("a", "m · 256 dims · float32 · exact"), ("b", "m · 64 dims · binary · exact")):
        opened.locator(f"#queries-{select}").select_option(label=label)
    opened.wait_for_timeout(100)
    points = report.gathered.points
    queries = report.queries["x"]
    a, b = (
        np.round(queries.values["nDCG@10"][queries.points.index(row)], 4)
        for row in (
            points.query("corpus == 'x' and model == 'm' and dims == 256 and quantization == 'float32'").index[0],
            points.query("corpus == 'x' and model == 'm' and dims == 64 and quantization == 'binary'").index[0],
        )
    )
    won, equal, lost = (b > a).sum(), (b == a).sum(), (b < a).sum()
    note = opened.locator("#queries-note").text_content()
    assert note == f"B against A by nDCG@10: {won} won, {equal} equal, {lost} lost."
    opened.locator("#queries-order").select_option("lost")
    opened.wait_for_timeout(100)
    worst = queries.query_ids[int(np.argmin(b - a))]
    assert opened.locator("#queries .query-id").first.text_content() == worst


def test_a_querys_text_is_text(opened: Any) -> None:
    opened.evaluate("document.querySelector('#queries tbody').replaceChildren()")
    opened.evaluate("DATA.queries.x.ids.forEach((id, i) => { if (id !== 'q0') DATA.queries.x.texts[i] = ''; })")
    opened.locator("#queries-b").select_option(label="m · 64 dims · binary · exact")
    opened.wait_for_timeout(100)
    assert opened.locator("#queries tbody b").count() == 0


def test_without_javascript_chart_and_table_are_there(chromium: Any, page_file: Path) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(page_file.as_uri(), timeout=MOST_MS)
    assert page.locator("figure.static svg").is_visible()
    assert page.locator("#points tbody tr").count() == 24
    assert page.locator("#points tbody tr").first.is_visible()
    assert not page.locator("#what-if").is_visible()
    context.close()


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_screen(chromium: Any, page_file: Path, width: int, scheme: str) -> None:
    page = chromium.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(page_file.as_uri(), timeout=MOST_MS)
    page.wait_for_timeout(100)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.close()


def test_print_shows_the_static_chart(chromium: Any, page_file: Path) -> None:
    page = chromium.new_page()
    page.goto(page_file.as_uri(), timeout=MOST_MS)
    page.emulate_media(media="print")
    assert page.locator("figure.static svg").is_visible()
    assert not page.locator("#chart").is_visible()
    page.close()


def test_names_that_are_markup_are_harmless(chromium: Any, write_run: WriteRun, config: Config, tmp_path: Path) -> None:
    bad = "</script><img src=x onerror=\"document.title='owned'\">"
    write_run("bad", {bad: {(64, bad): noisy(0.5)}}, model=bad, texts={"q0": bad})
    page = chromium.new_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    file = write_files(make_report(config()), tmp_path / "bad")
    page.goto(file.as_uri(), timeout=MOST_MS)
    page.evaluate("charts.chart.dispatchAction({ type: 'showTip', seriesIndex: 0, dataIndex: 0 })")
    page.wait_for_timeout(100)
    assert page.locator("img").count() == 0
    assert "owned" not in page.title()
    assert requests == [file.as_uri()]
    page.close()


def left_in(report: Report, left: np.ndarray) -> Report:
    """``report`` of those rows of its first scope alone, at the confidence of all pairs."""
    alpha, whole = report.config.alpha, report.quality
    mean = np.where(left, whole.mean, np.nan)
    p, loss, _ = to_the_best(mean, whole.pairs, alpha)
    quality = replace(whole, mean=mean, p_as_good=np.where(left, p, np.nan), loss_at_most=np.where(left, loss, np.nan))
    scope = replace(report.scopes[0], certainty={**report.scopes[0].certainty, report.config.measure: quality})
    return replace(report, scopes=[scope, *report.scopes[1:]])


def test_what_is_left_in_is_answered_for_by_tests_against_its_own_best(opened: Any, report: Report) -> None:
    opened.locator("[data-filter=model][value=m]").uncheck()
    opened.locator("[data-filter=quantization][value=float32]").uncheck()
    left = (report.table["model"] == "n") & (report.table["quantization"] != "float32")
    wanted = left_in(report, left.to_numpy())
    assert wanted.quality.best != report.quality.best
    assert wanted.sentence != report.sentence
    assert opened.locator("#answer").text_content() == wanted.sentence.answer
    assert opened.locator("#how-sure").text_content() == wanted.sentence.how_sure
    cards = said(opened)
    for key, words in expected(wanted).items():
        assert {name: cards[key][name] for name in ("setting", "figure", "quality", "price")} == {
            name: words[name] for name in ("setting", "figure", "quality", "price")
        }
    assert opened.locator("#conservative").is_visible()


def test_limits_leave_out_what_is_above_them_and_what_nobody_knows(opened: Any, report: Report) -> None:
    opened.locator("[data-limit=bytes_per_document]").fill("100")
    small = left_in(report, (report.table["bytes_per_document"] <= 100).to_numpy())
    assert opened.locator("#answer").text_content() == small.sentence.answer
    assert {row[headers(opened).index("size per document, B")] for row in shown_rows(opened)} == {"64", "8", "32"}
    opened.locator("[data-limit=bytes_per_document]").fill("1")
    assert opened.locator("#answer").text_content() == "No setting is left: loosen a filter or a limit."
    assert shown_rows(opened) == []
    opened.locator("[data-limit=bytes_per_document]").fill("")
    assert opened.locator("#answer").text_content() == report.sentence.answer


def test_the_sentence_follows_the_corpus_and_says_which(opened: Any, report: Report) -> None:
    opened.locator("#scope").select_option("y")
    place = next(i for i, scope in enumerate(report.scopes) if scope.name == "y")
    of_y = replace(report, scopes=[report.scopes[place]])
    assert opened.locator("#answer").text_content() == of_y.sentence.answer
    assert opened.locator("#how-sure").text_content() == of_y.sentence.how_sure
    assert opened.locator("#basis").text_content() == "Settings are ranked by nDCG@10 on y."


@pytest.mark.parametrize(("width", "height"), [(1400, 900), (390, 844)])
def test_the_first_screen_holds_the_answer_and_how_sure_it_is(
    chromium: Any, page_file: Path, report: Report, width: int, height: int
) -> None:
    page = chromium.new_page(viewport={"width": width, "height": height})
    page.goto(page_file.as_uri(), timeout=MOST_MS)
    answer, sure = page.locator("#answer"), page.locator("#how-sure")
    assert "% of the best quality" in answer.inner_text()
    assert "$" in answer.inner_text()
    assert sure.inner_text() == report.sentence.how_sure
    assert max(box["y"] + box["height"] for box in (answer.bounding_box(), sure.bounding_box())) < height / 2
    page.close()


@pytest.mark.parametrize("queries", [8, 60])
def test_few_queries_are_said_first_and_a_single_setting_beats_nobody(
    chromium: Any, write_run: WriteRun, config: Config, tmp_path: Path, queries: int
) -> None:
    cells = {(64, "float32"): noisy(0.5, queries, seed=1), (32, "int8"): noisy(0.499, queries, seed=2)}
    write_run("a", {"x": cells}, figures=lambda corpus, cell: {"bytes_per_document": 4.0 * cell[0]})
    report = make_report(config())
    page = chromium.new_page(viewport={"width": 1400, "height": 900})
    page.goto(write_files(report, tmp_path / "few").as_uri(), timeout=MOST_MS)
    assert_twins_agree(page, report)
    boxes = {card.get_attribute("data-question"): card.bounding_box() for card in page.locator(".card:visible").all()}
    first = min(boxes, key=lambda key: (boxes[key]["y"], boxes[key]["x"]))
    assert first == ("cheapest possible" if queries == 8 else "best quality")
    page.locator("[data-filter=dims][value='32']").uncheck()
    assert page.locator("#how-sure").text_content() == "It is the only setting that is left."
    page.close()


def test_a_reader_chooses_columns_and_the_important_ones_need_no_scrolling(chromium: Any, page_file: Path) -> None:
    page = chromium.new_page(viewport={"width": 1400, "height": 900})
    page.goto(page_file.as_uri(), timeout=MOST_MS)
    for name in (
        "model",
        "nDCG@10",
        "cost per month, $",
        "size per document, B",
        "whole query, p95 at the workload's size, ms",
    ):
        box = page.locator("#points thead th").nth(headers(page).index(name)).bounding_box()
        assert box["x"] + box["width"] <= 1400
    place = headers(page).index("cost of storage per month, $")
    cell = page.locator("#points tbody tr").first.locator("td").nth(place)
    assert not cell.is_visible()
    page.locator("details.columns summary").click()
    page.get_by_role("checkbox", name="cost of storage per month, $").check()
    assert cell.is_visible()
    page.close()


def test_query_by_query_opens_on_two_settings_of_the_answer(opened: Any, report: Report) -> None:
    labels = [opened.locator(f"#queries-{side}").evaluate("e => e.selectedOptions[0].text") for side in "ab"]
    assert labels[0] == report.words(report.answers[0]).setting
    assert labels[1] != labels[0]
    opened.locator("#scope").select_option("y")
    assert opened.locator("#queries-corpus").input_value() == "y"
