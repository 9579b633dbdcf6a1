"""Tasks that compare vectors: what is kept of each is what a quantization gives back, and a run holds several tasks."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import evalkit
from evalkit.__main__ import main
from evalkit.config import Prompts, SentenceTransformersModel
from evalkit.config.compose import compose
from evalkit.encoders import load_encoder
from evalkit.errors import UserError
from evalkit.results.task_measures import ITEMS, TASK_MEASURES
from evalkit.tasks.prompts import PROMPTS, for_task
from evalkit.tasks.task import KINDS

COLOURS = {
    "red": ("crimson", "scarlet", "ruby"),
    "blue": ("navy", "azure", "cobalt"),
    "green": ("lime", "olive", "jade"),
}
OBJECTS = ("car", "door", "shirt", "boat", "lamp", "chair", "hat", "wall")


@pytest.fixture
def table(tmp_path: Path) -> dict[str, Any]:
    """The settings of a corpus of labelled texts: things by their colour."""
    for split, some in (("train", OBJECTS[:5]), ("test", OBJECTS[5:])):
        rows = [
            (f"a {shade} {thing}", label) for label, shades in COLOURS.items() for shade in shades for thing in some
        ]
        write(tmp_path / f"{split}.csv", ("text", "label"), rows)
    files = {split: str(tmp_path / f"{split}.csv") for split in ("train", "test")}
    return {"table": {**files, "label": "label", "name": "things"}}


def write(file: Path, header: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows([header, *rows])


def evaluate(tmp_path: Path, corpus: Mapping[str, Any], **settings: Any) -> evalkit.Run:
    own = {
        "model": "wordllama",
        "corpus": corpus,
        "results_dir": tmp_path / "results",
        "store": {"path": tmp_path / "store"},
        "runtime": {"latency_calls": 5},
    }
    return evalkit.run(**{**own, **settings})


def encoded(texts: list[str]) -> np.ndarray:
    config = compose("run", ["model=wordllama"])
    return load_encoder(config.model, config.runtime).encode(texts, "document").vectors.copy()


def test_every_kind_has_a_file_measures_a_name_for_its_items_and_a_prompt() -> None:
    for kind in KINDS:
        assert list(compose("run", [f"task={kind}"]).task) == [kind]
    assert set(KINDS) == set(ITEMS)
    assert set(KINDS) - {"retrieval"} == set(TASK_MEASURES) == set(PROMPTS)


def test_one_run_holds_two_tasks_of_one_corpus(tmp_path: Path, table: dict[str, Any]) -> None:
    run = evaluate(
        tmp_path,
        table,
        task={"classification": {"draws": 2, "shots": [1]}, "clustering": {"draws": 2, "draw_texts": 40}},
        dims=[64, 256],
        quantization=["float32", "binary"],
    )
    points, queries = run.points, run.queries
    assert points.groupby("task").size().to_dict() == {"classification": 4, "clustering": 4}
    assert [corpus["name"] for corpus in run.about["corpora"]] == ["things"]
    assert set(points["queries"]) == {27}
    assert points.loc[points["task"] == "clustering", "accuracy"].isna().all()
    assert (points.loc[points["task"] == "clustering", "v_measure"] > 0).all()
    for _, point in points[points["task"] == "classification"].iterrows():
        rows = queries[(queries["task"] == "classification") & same_cell(queries, point)]
        assert len(rows) == 27
        for measure in ("accuracy", "f1_macro", "accuracy_knn", "accuracy_centroid", "accuracy_shots_1"):
            assert rows[measure].mean() == pytest.approx(point[measure], abs=1e-9)
        assert point["accuracy_knn"] > 0.8  # of one third by chance
    assert set(points["bytes_per_vector"]) == {8, 32, 256, 1024}


def same_cell(table: pd.DataFrame, point: "pd.Series[Any]") -> "pd.Series[bool]":
    return (table["dims"] == point["dims"]) & (table["quantization"] == point["quantization"])


def test_the_accuracy_of_sign_bits_is_that_of_signs(tmp_path: Path, table: dict[str, Any]) -> None:
    """Nearest neighbours by Hamming distance, in NumPy alone, of what the model itself gives."""
    run = evaluate(tmp_path, table, task={"classification": {"draws": 1, "shots": [1], "neighbours": 1}},
                   quantization=["binary"])  # fmt: skip
    read = [pd.read_csv(table["table"][split]) for split in ("train", "test")]
    train, test = (encoded(list(split["text"])) > 0 for split in read)
    distances = (test[:, None, :] != train[None, :, :]).sum(axis=2)
    told = read[0]["label"].to_numpy()[distances.argmin(axis=1)]
    expected = float((told == read[1]["label"].to_numpy()).mean())
    assert run.points["accuracy_knn"].tolist() == [pytest.approx(expected)]


def test_what_a_task_of_pairs_says_of_int8_is_the_cosine_of_decoded_vectors(tmp_path: Path) -> None:
    from scipy.stats import spearmanr

    texts = [f"a {shade} {thing}" for shades in COLOURS.values() for shade in shades for thing in OBJECTS]
    scores = np.random.default_rng(0).permutation(len(texts) // 2) / 10
    pairs = list(zip(texts[::2], reversed(texts[1::2]), scores, strict=True))
    write(tmp_path / "pairs.csv", ("a", "b", "score"), pairs)
    source = {"table": {"pairs": str(tmp_path / "pairs.csv"), "first": "a", "second": "b", "score": "score"}}
    run = evaluate(tmp_path, source, task="pairs", quantization=["int8"])
    distinct = list(dict.fromkeys(text for a, b, _ in pairs for text in (a, b)))
    vectors = encoded(distinct)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    low, high = vectors.min(axis=0), vectors.max(axis=0)
    step = np.where(high > low, high - low, 1)
    codes = np.clip(np.floor((vectors - low) / step * 255), 0, 255)
    decoded = low + (codes + 0.5) / 255 * step
    decoded /= np.linalg.norm(decoded, axis=1, keepdims=True)
    row = {text: i for i, text in enumerate(distinct)}
    cosines = [float(decoded[row[a]] @ decoded[row[b]]) for a, b, _ in pairs]
    assert run.points["spearman"].tolist() == [pytest.approx(spearmanr(cosines, scores).statistic, abs=2e-3)]


def test_a_task_of_vectors_is_refused_for_words_and_for_searches(
    tmp_path: Path, table: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    for words, line in (
        (["model=bm25"], "task=classification compares vectors, and bm25 has none."),
        (["stages=bm25"], "task=classification searches nothing, so stages can't be used."),
        (["filter.selectivity=[0.5]"], "task=classification searches nothing, so filter can't be used."),
        (["task.classification.shots=[3]"], "task.classification.shots=3 has no column."),
        (["corpus=pydoc"], "corpus 'pydoc' (source pydoc) has no labels, which task=classification needs."),
    ):
        own = [f"corpus.table.{name}={value}" for name, value in table["table"].items() if "corpus=pydoc" not in words]
        given = ["model=wordllama", "corpus=table", "task=classification", *own, f"results_dir={tmp_path}", *words]
        assert main(given) == 2
        assert line in capsys.readouterr().err
    assert list(tmp_path.glob("*/run.json")) == []


def test_two_corpora_of_one_name_are_refused(tmp_path: Path, table: dict[str, Any], colours: Path) -> None:
    own = {"documents": f"{colours}/corpus.jsonl", "queries": f"{colours}/queries.jsonl",
           "qrels": f"{colours}/qrels/test.tsv"}  # fmt: skip
    with pytest.raises(UserError, match="corpus 'things' is something else for task=classification than for task=ret"):
        evaluate(tmp_path, {"table": {**table["table"], **own}}, task=["retrieval", "classification"])


def test_the_prompt_of_a_task_is_the_first_that_the_model_has() -> None:
    card = Prompts(query="q: ", document="d: ", similarity="s: ")
    model = SentenceTransformersModel(kind="sentence_transformers", name="m", prompts=card)
    for kind, prompt in (("classification", "s: "), ("clustering", "s: "), ("duplicates", "d: "), ("cache", "q: ")):
        prompts = for_task(model, kind).prompts
        assert (prompts.query, prompts.document) == (prompt, prompt)
    assert for_task(model, "retrieval") is model


def test_a_run_keeps_the_models_own_prompts(tmp_path: Path, table: dict[str, Any]) -> None:
    prompts = {"query": "find ", "document": "", "clustering": "group "}
    run = evaluate(tmp_path, table, task={"clustering": {"draws": 1}}, model={"wordllama": {"prompts": prompts}})
    assert run.about["models"][0]["prompts"] == prompts


def test_texts_of_items_are_kept_unless_nobody_may_read_them(tmp_path: Path, table: dict[str, Any]) -> None:
    task = {"clustering": {"draws": 1}}
    run = evaluate(tmp_path, table, task=task)
    assert run.stored.query_texts()["text"].str.startswith("a ").all()
    quiet = evaluate(tmp_path, table, task=task, save_query_texts=False)
    assert "crimson" not in json.dumps(quiet.about)
    assert not (quiet.folder / "query_texts.parquet").exists()
