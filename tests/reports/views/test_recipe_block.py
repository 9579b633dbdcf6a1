"""The text to paste below the answer: it stands as long as its setting is the answer, and is copied whole."""

from pathlib import Path
from typing import Any

import numpy as np

from evalkit.__main__ import main
from tests.recipes.stored import run_of
from tests.reports.conftest import WriteRun
from tests.reports.views.test_browser import chromium  # noqa: F401  (a fixture)


def test_the_text_follows_the_answer_and_is_marked_to_be_copied(
    chromium: Any,  # noqa: F811
    write_run: WriteRun,
    tmp_path: Path,
) -> None:
    config = run_of("float32")[0]["config"]
    run = write_run("a", {"x": {(64, "float32"): np.linspace(0.2, 0.9, 20)}}, run_config=config)
    assert main(["report", str(run), f"reports_dir={tmp_path / 'reports'}"]) == 0
    page = chromium.new_page()
    page.goto((tmp_path / "reports" / "index.html").as_uri(), timeout=300_000)
    block = page.locator("#recipe")
    assert block.is_visible()
    page.locator("[data-limit=bytes_per_document]").fill("1")
    assert not block.is_visible()
    page.locator("[data-limit=bytes_per_document]").fill("")
    assert block.is_visible()
    page.locator("#recipe summary").click()
    page.locator("[data-copies=recipe-text]").click()
    marked = page.evaluate("getSelection().toString()")
    assert marked.strip() == page.locator("#recipe-text").text_content().strip()
    assert "faiss.index_factory(64, 'Flat', faiss.METRIC_INNER_PRODUCT)" in marked
    page.close()
