"""One name, one setting: whatever changes vectors or rankings tells settings apart, and nothing else does."""

import csv
import re
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from evalkit.config import ReportConfig
from evalkit.reports.data.gather import gather
from evalkit.reports.data.labels import letters, quoted
from evalkit.reports.data.report import make_report
from evalkit.reports.data.scopes import setting_name
from evalkit.reports.views.files import write_files
from evalkit.reports.views.marks import marks_of
from tests.reports.conftest import ENVIRONMENT, WriteRun, noisy

Config = Callable[..., ReportConfig]
ONE = {"c": {(64, "float32"): noisy(0.5)}}
OTHER = {"c": {(64, "float32"): noisy(0.7)}}
TORCH = {"device": "cpu", "runtime": "torch", "precision": "float32", "max_length": 256}
OPENVINO = {**TORCH, "runtime": "openvino"}
NASTY = '</script><img src=x onerror=alert(1)>|`[a](b)\n=1+1 $\\frac{1}$ "&'
RNG = np.random.default_rng(3)
VECTORS = RNG.normal(size=(40, 64))


def models(config: ReportConfig) -> dict[str, float]:
    points = gather(config).points
    assert points["model"].nunique() == len(points)
    return dict(zip(points["model"], points["nDCG@10"].round(4), strict=True))


def test_two_runs_that_differ_in_their_query_prompt_alone_are_two_models(write_run: WriteRun, config: Config) -> None:
    """The later run does not take the place of the better one, and both figures are there."""
    write_run("a", {"c": {(128, "float32"): [0.9249] * 20}})
    write_run("b", {"c": {(128, "float32"): [0.8755] * 20}}, prompts={"query": "query: ", "document": ""})
    assert models(config()) == {"m · no query prompt": 0.9249, 'm · query prompt "query: "': 0.8755}
    assert gather(config()).problems == ()
    ranked = make_report(config())
    assert sorted(ranked.table["model"]) == sorted(models(config()))
    assert set(marks_of(ranked).colours) == set(models(config()))


DIFFERENT: list[tuple[Mapping[str, Any], list[str]]] = [
    ({"prompts": {"query": "", "document": "p: "}}, ["m · no document prompt", 'm · document prompt "p: "']),
    ({"top_k": 1_000}, ["m · top_k 10", "m · top_k 1000"]),
    ({"serve_k": 5}, ["m · serve_k 10", "m · serve_k 5"]),
    ({"chunking": "tokens(size=128, overlap=0)"}, ["m · whole documents", "m · tokens(size=128, overlap=0)"]),
    ({"runtime": {**TORCH, "precision": "bf16"}}, ["m · precision float32", "m · precision bf16"]),
    ({"runtime": {**TORCH, "max_length": 512}}, ["m · at most 256 tokens", "m · at most 512 tokens"]),
    ({"about_model": {"layer_norm": True}}, ["m · no layer norm", "m · layer norm"]),
    ({"about_model": {"weights": "sha256:0123456789abcdef"}}, ["m · weights not known", "m · weights 0123456"]),
    ({"run_config": {"model": {"pooling": "cls"}}}, ["m · mean pooling", "m · cls pooling"]),
    ({"run_config": {"model": {"options": {"k1": 1.2, "b": 0.5}}}}, ["m · no options", 'm · options "b=0.5, k1=1.2"']),
    ({"run_config": {"model": {"api": {"input_types": {"query": "q"}}}}}, ["m · no input types", "m · input types query=q"]),  # noqa: E501
    ({"run_config": {"model": {"api": {"extra": {"query": {"task": "q"}}}}}}, ["m · plain query requests", 'm · query requests with task="q"']),  # noqa: E501
    ({"run_config": {"model": {"api": {"name": {"document": "d"}}}}}, ["m · plain document requests", 'm · document requests with model="d"']),  # noqa: E501
    ({"run_config": {"store": {"dtype": "float16"}}}, ["m · stored as float32", "m · stored as float16"]),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "expected"), DIFFERENT, ids=lambda value: str(value)[:60])
def test_whatever_changes_vectors_or_rankings_is_a_setting_of_its_own(
    changed: Mapping[str, Any], expected: list[str], write_run: WriteRun, config: Config
) -> None:
    write_run("a", ONE, runtime=TORCH)
    write_run("b", OTHER, **{"runtime": TORCH, **changed})
    assert models(config()) == dict(zip(expected, (0.5, 0.7), strict=True))


@pytest.mark.parametrize(
    "changed",
    [
        {"environment": {**ENVIRONMENT, "cpu": {"model": "another", "logical_cores": 64}, "ram_bytes": 1}},
        {"runtime": {**TORCH, "threads": 8, "token_budget": 4_096}},
        {"run_config": {"store": {"dtype": "float32", "path": "elsewhere"}, "runtime": {"threads": 8}}},
    ],
)
def test_machine_threads_and_paths_are_no_part_of_a_setting(
    changed: Mapping[str, Any], write_run: WriteRun, config: Config
) -> None:
    write_run("a", ONE, runtime=TORCH)
    write_run("b", OTHER, **{"runtime": TORCH, **changed})
    found = gather(config())
    assert found.points[["model", "nDCG@10"]].round(4).to_numpy().tolist() == [["m", 0.7]]
    assert any("1 settings were measured again later" in problem for problem in found.problems)


def test_three_runs_that_differ_in_two_things_each_say_both(write_run: WriteRun, config: Config) -> None:
    for name, prompt, length in (("a", "p", 256), ("b", "q", 256), ("c", "p", 512)):
        runtime = {**TORCH, "max_length": length}
        write_run(name, ONE, prompts={"query": prompt, "document": ""}, runtime=runtime)
    write_run("d", ONE, model="another")
    assert sorted(models(config())) == [
        "another",
        'm · query prompt "p" · at most 256 tokens',
        'm · query prompt "p" · at most 512 tokens',
        'm · query prompt "q" · at most 256 tokens',
    ]


def test_long_prompts_that_begin_alike_are_cut_and_lettered(write_run: WriteRun, config: Config) -> None:
    for name, ending in (("a", "retrieval: "), ("b", "classification: "), ("c", "")):
        prompt = ending and f"Represent this sentence for {ending}"
        write_run(name, ONE, prompts={"query": prompt, "document": ""})
    assert sorted(models(config())) == [
        "m · no query prompt",
        'm · query prompt "Represent this sentence …" A',
        'm · query prompt "Represent this sentence …" B',
    ]


def test_letters_count_as_a_spreadsheets_columns_do() -> None:
    assert [letters(number) for number in (0, 25, 26, 51, 52, 701, 702)] == ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]


def test_no_model_can_borrow_anothers_label(write_run: WriteRun, config: Config) -> None:
    write_run("a", ONE, top_k=10)
    write_run("b", OTHER, top_k=20)
    write_run("c", ONE, model="m · top_k 20")
    assert len(models(config())) == 3


def turned(cosine: float) -> np.ndarray:
    """``VECTORS``, each turned so that this is its cosine with what it was."""
    unit = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)
    away = RNG.normal(size=unit.shape)
    away -= (away * unit).sum(axis=1, keepdims=True) * unit
    return cosine * unit + np.sqrt(1 - cosine**2) * away / np.linalg.norm(away, axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("cosine", "verified", "expected"),
    [
        (0.99995, None, ["m"]),
        (0.99985, 1.0, ["m · runtime openvino", "m · runtime torch"]),
        (None, 0.99995, ["m"]),
        (None, 0.99985, ["m · runtime openvino", "m · runtime torch"]),
        (None, None, ["m · runtime openvino", "m · runtime torch"]),
    ],
)
def test_runtimes_are_one_setting_where_their_vectors_agree(
    cosine: float | None, verified: float | None, expected: list[str], write_run: WriteRun, config: Config
) -> None:
    """By the canaries of both runs, and without them by what the runtime was verified against."""
    write_run("a", ONE, runtime=TORCH, canary=VECTORS)
    write_run(
        "b",
        OTHER,
        runtime=OPENVINO,
        verification=None if verified is None else {"smallest_cosine": verified},
        canary=None if cosine is None else turned(cosine),
    )
    points = gather(config()).points
    assert sorted(points["model"]) == expected
    if expected == ["m"]:
        assert points["nDCG@10"].round(4).tolist() == [0.7]
        assert points["runtime"].tolist() == ["openvino"]  # what made the figures that are shown


def test_one_models_weights_from_the_hub_and_from_a_package_are_one_where_vectors_agree(
    write_run: WriteRun, config: Config
) -> None:
    write_run("a", ONE, about_model={"weights": "hub:r"}, canary=VECTORS)
    write_run("b", OTHER, about_model={"weights": "sha256:0123456789abcdef"}, canary=VECTORS)
    write_run("c", ONE, about_model={"weights": "sha256:fedcba9876543210"}, canary=turned(0.9))
    assert models(config()) == {"m · weights hub:r or 0123456": 0.7, "m · weights fedcba9": 0.5}


def quantized(faiss: str, **more: Any) -> dict[str, Any]:
    return {"quantization": {"int8": {"faiss": faiss, "rescore": None, **more}}}


def test_a_quantization_whose_config_differs_is_two_settings(write_run: WriteRun, config: Config) -> None:
    write_run("a", {"c": {(64, "int8"): noisy(0.5)}}, run_config=quantized("SQ8"))
    write_run("b", {"c": {(64, "int8"): noisy(0.7)}}, run_config=quantized("SQ6"))
    write_run("c", {"c": {(64, "int8"): noisy(0.6)}}, run_config=quantized("SQ8", rescore={"store": "float16"}))
    report = make_report(config())
    points = report.gathered.points
    assert dict(zip(points["quantization"], points["nDCG@10"].round(4), strict=True)) == {
        "int8 · faiss SQ8 · rescore not set": 0.5,
        "int8 · faiss SQ6 · rescore not set": 0.7,
        "int8 · faiss SQ8 · rescore 40 by float16": 0.6,
    }
    assert points["quantization_name"].unique().tolist() == ["int8"]
    assert np.isfinite(report.queries["c"].values["nDCG@10"]).all()  # found in queries.parquet by the run's own name


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ({"factor": None}, {"factor": 4}, ["int8"]),
        ({"factor": 4}, {"candidates": 40}, ["int8"]),
        ({"factor": [4]}, {"candidates": [30]}, ["int8 · rescore 30 by float32", "int8 · rescore 40 by float32"]),
        ({"factor": 4}, {"factor": [2, 10]}, ["int8 · rescore 40 by float32", "int8 · rescore a ladder by float32"]),
        ({"factor": [2, 4]}, {"candidates": [20, 100]}, ["int8"]),
    ],
)
def test_candidates_are_told_apart_by_their_number_however_it_is_given(
    write_run: WriteRun, config: Config, one: dict[str, Any], other: dict[str, Any], expected: list[str]
) -> None:
    for name, rescore in (("a", one), ("b", other)):
        scores = {"c": {(64, "int8"): noisy(0.5)}}
        write_run(name, scores, run_config=quantized("SQ8", rescore={"store": "float32", **rescore}))
    assert sorted(gather(config()).points["quantization"]) == expected


def test_an_index_differs_by_what_decides_rankings_and_by_its_reranker(write_run: WriteRun, config: Config) -> None:
    flat = {"faiss": "{quantization}", "search": {}, "nlist": None, "build_threads": 1}
    write_run("a", ONE, run_config={"index": {"flat": flat}})
    write_run("b", OTHER, run_config={"index": {"flat": {**flat, "build_threads": None, "search": {"efSearch": [8]}}}})
    assert gather(config()).points["index"].tolist() == ["flat"]
    write_run("c", ONE, run_config={"index": {"flat": {**flat, "faiss": "HNSW16,{quantization}"}}})
    assert sorted(gather(config()).points["index"]) == [
        "flat · faiss HNSW16,{quantization}",
        "flat · faiss {quantization}",
    ]


def test_a_run_that_names_no_engine_and_no_kind_is_one_with_a_run_that_does(
    write_run: WriteRun, config: Config
) -> None:
    index = {"faiss": "{quantization}", "search": {}}
    write_run("a", {"c": {(64, "int8"): noisy(0.5)}}, run_config={**quantized("SQ8"), "index": {"flat": index}})
    named = {**quantized("SQ8", kind="scalar", bits=8), "index": {"flat": {**index, "engine": "faiss", "options": {}}}}
    write_run("b", {"c": {(64, "int8"): noisy(0.5)}}, run_config=named)
    points = gather(config()).points
    assert (points["quantization"].unique().tolist(), points["index"].unique().tolist()) == (["int8"], ["flat"])


def test_names_with_parts_are_joined_by_what_parts_are_joined_by() -> None:
    assert setting_name("m", 64, "int8", "flat") == "m · 64 dims · int8 · exact"
    assert (
        setting_name("m · top_k 10", 64, "int8", "flat · engine x")
        == "m · top_k 10 · 64 dims · int8 · exact · engine x"
    )
    assert setting_name("bm25", 0, "none", "bm25") == "BM25"
    assert setting_name("bm25 · no options", 0, "none", "bm25+r(depth=50)") == "BM25 · no options + r (depth=50)"


class Tags(HTMLParser):
    """Collects the tags of a page and the text between them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)


def tags(page: str) -> dict[str, int]:
    parser = Tags()
    parser.feed(page)
    return {tag: parser.tags.count(tag) for tag in ("img", "script", "a")}


def test_a_prompt_that_is_code_stays_text_in_every_file(write_run: WriteRun, config: Config, tmp_path: Path) -> None:
    write_run("a", ONE)
    write_run("b", OTHER, prompts={"query": "plain", "document": ""})
    write_files(make_report(config()), tmp_path / "plain")
    write_run("b2", OTHER, prompts={"query": NASTY, "document": ""}, created_at="2027")
    write_files(make_report(config("runs=[a,b2]")), tmp_path / "nasty")
    pages = {name: (tmp_path / name / "index.html").read_text() for name in ("plain", "nasty")}
    assert tags(pages["nasty"]) == tags(pages["plain"])
    svg = ElementTree.fromstring((tmp_path / "nasty" / "index.svg").read_text())  # noqa: S314
    assert any(quoted(NASTY) in "".join(element.itertext()) for element in svg.iter())
    markdown = (tmp_path / "nasty" / "index.md").read_text()
    assert "<img" not in markdown
    assert "</script>" not in markdown
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert all(len(re.findall(r"\|", row)) in {len(re.findall(r"\|", other)) for other in rows} for row in rows)
    with (tmp_path / "nasty" / "index.csv").open(newline="") as file:
        assert NASTY in {row["query_prompt"] for row in csv.DictReader(file)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("query: ", '"query: "'),
        ("a\nb\t\u202e", '"a\\nb\\t\\u202e"'),
        ("\ud83d", '"\\ud83d"'),
        ("檢索" * 20, '"' + "檢索" * 12 + '…"'),
    ],
)
def test_prompts_are_shown_on_one_line_and_printable(text: str, expected: str) -> None:
    assert quoted(text) == expected
