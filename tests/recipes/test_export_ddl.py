"""``export format=ddl`` writes a text and a contract for each setting; the report has that of its answer."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bs4 import BeautifulSoup
from markdown_it import MarkdownIt

from evalkit.__main__ import main
from evalkit.config import IndexConfig
from evalkit.reports.views.markdown import fenced
from tests.hostile import PAYLOADS
from tests.recipes.stored import names_of, run_of
from tests.reports.conftest import WriteRun, results, write_run  # noqa: F401  (fixtures)

NAME = "org/<m> ``` ' \" ${HOME} {{ 7*7 }} --"


@pytest.fixture
def run(write_run: WriteRun) -> Path:  # noqa: F811
    """Two settings in pgvector's graph, of which it has words for one; the model's name is hostile."""
    index = IndexConfig(engine="pgvector", options={"m": 16}, search={"ef_search": [40]})
    config: dict[str, dict[str, Any]] = {name: {} for name in ("index", "quantization")}
    for quantization in ("float32", "int8"):
        about, _ = run_of(quantization, index, "hnsw")
        config = {name: {**config[name], **about["config"][name]} for name in config}
    scores = np.linspace(0.2, 0.9, 20)
    return write_run(
        "a",
        {"x": {(64, "float32"): scores, (64, "int8"): scores - 0.1}},
        model=NAME,
        run_config=config,
        engine="pgvector",
        index="hnsw",
        operating_point="ef_search=40",
    )


@pytest.mark.parametrize("words", [["format=ddl"], ["formats=[ddl]"]])
def test_every_setting_that_has_a_text_is_written(
    words: list[str], run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(run), *words, f"output_dir={tmp_path / 'out'}"]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{tmp_path / 'out'}\n"
    left_out = next(line for line in captured.err.splitlines() if "left out" in line)
    assert left_out.startswith("ddl: 1 point is left out: ")
    assert left_out.endswith("pgvector keeps no int8.")
    names = sorted(file.name for file in (tmp_path / "out" / "ddl").iterdir())
    stem = "x.64.float32.pgvector_hnsw_ef_search_40_"
    assert names == [f"{stem}.json", f"{stem}.sql"]
    assert json.loads((tmp_path / "out" / "ddl" / f"{stem}.json").read_text())["model"] == NAME
    text = (tmp_path / "out" / "ddl" / f"{stem}.sql").read_text()
    assert "USING hnsw (embedding vector_ip_ops) WITH (m = 16);" in text


def test_an_unknown_format_is_one_line(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(run), "format=dll"]) == 2
    assert "there is no export format 'dll'" in capsys.readouterr().err


def test_a_real_runs_text_runs(tiny_run: list[str], tmp_path: Path) -> None:
    assert main([*tiny_run, "dims=[8]", "quantization=[int8]", "index=[flat]"]) == 0
    assert main(["export", f"results_dir={tmp_path / 'results'}", "format=ddl", f"output_dir={tmp_path / 'out'}"]) == 0
    (text,) = (tmp_path / "out" / "ddl").glob("*.py")
    names = names_of(text.read_text())
    vectors = np.eye(8, dtype=np.float32)
    _, rows = names["search"](names["make"](vectors), vectors, 1)
    assert rows.ravel().tolist() == list(range(8))


def test_the_report_has_the_text_of_its_answer(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    assert main(["report", str(run), f"reports_dir={folder}"]) == 0
    assert main(["export", str(run), "format=ddl", f"output_dir={tmp_path / 'out'}"]) == 0
    (text,) = (tmp_path / "out" / "ddl").glob("*.sql")
    page = BeautifulSoup((folder / "index.html").read_text(), "html.parser")
    assert page.find(id="recipe-text").text == text.read_text()
    assert json.loads(page.find(id="recipe-contract").text)["model"] == NAME
    assert page.find(id="recipe")["data-setting"] in page.find(id="answer").text
    blocks = [token for token in MarkdownIt().parse((folder / "index.md").read_text()) if token.type == "fence"]
    assert [(token.info, token.content) for token in blocks] == [("sql", text.read_text())]


def test_a_report_of_runs_without_their_config_has_none(write_run: WriteRun, tmp_path: Path) -> None:  # noqa: F811
    run = write_run("a", {"x": {(64, "float32"): np.linspace(0, 1, 20)}})
    assert main(["report", str(run), f"reports_dir={tmp_path / 'reports'}"]) == 0
    assert 'id="recipe"' not in (tmp_path / "reports" / "index.html").read_text()
    assert "To build it again" not in (tmp_path / "reports" / "index.md").read_text()


@pytest.mark.parametrize("text", ["```", "a\n````\nb", "`", "~~~\n```sql", *PAYLOADS])
def test_nothing_in_a_block_of_markdown_ends_it(text: str) -> None:
    line = json.dumps(text) if "\r" in text or text.isspace() else text
    tokens: list[Any] = MarkdownIt().parse("\n".join((*fenced("sql", line), "", "after")))
    assert [token.type for token in tokens] == ["fence", "paragraph_open", "inline", "paragraph_close"]
