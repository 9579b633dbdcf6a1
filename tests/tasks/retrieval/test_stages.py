"""Stages in a list: each doubles the points, and the search in front asks for as many as the first one reads."""

from types import SimpleNamespace
from typing import Any

import pytest

from evalkit.__main__ import main
from evalkit.config import RunConfig
from evalkit.results.reader import read_run, stored_runs
from evalkit.results.setting import index_label
from evalkit.tasks.retrieval import stages
from evalkit.tasks.retrieval.stages import with_stages


class Named:
    """A stage that writes its label behind what it is given."""

    def __init__(self, label: str, depth: int) -> None:
        self.label, self.depth = label, depth

    def apply(self, context: Any, record: Any) -> Any:
        return f"{self.label}({record})"


def test_each_stage_doubles_the_points_in_list_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Served are 10; a reranker reads 50, fusion all of top_k."""
    monkeypatch.setattr(stages, "measure", lambda context, retriever, asked: f"search for {asked}")
    context: Any = SimpleNamespace(config=RunConfig(top_k=200))
    nothing: Any = None
    in_list: Any = [Named("bm25", 200), Named("minilm", 50), Named("last", 50)]
    assert list(with_stages(context, nothing, in_list)) == [
        "search for 10",
        "bm25(search for 200)",
        "minilm(search for 50)",
        "minilm(bm25(search for 200))",
        "last(search for 50)",
        "last(bm25(search for 200))",
        "last(minilm(search for 50))",
        "last(minilm(bm25(search for 200)))",
    ]


def test_a_search_for_as_many_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(stages, "measure", lambda context, retriever, number: asked.append(number))
    context: Any = SimpleNamespace(config=RunConfig(top_k=200))
    nothing: Any = None
    in_list: Any = [Named("a", 50), Named("b", 50)]
    list(with_stages(context, nothing, in_list))
    assert asked == [10, 50]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["model.fuse=bm25"], "Write stages=bm25"),
        (["reranker=minilm"], "Write stages=minilm"),
        (["reranker.depth=20"], "Write stages.<stage>.depth=20"),
        (["model=hybrid"], "Write stages=bm25"),
        (["stages=bm52"], "Did you mean 'bm25'"),
        (["stages=bm25", "stages.bm25.depth=3"], "stages.bm25 has no setting 'depth'"),
        (["stages=bm25", "stages.bm25.kind=fusoin"], "Did you mean 'fusion'"),
        (["stages=bm25", "stages.bm25.model.kind=nothing"], "can't be fused with"),
        (["stages=bm25", "stages.bm25.model.options.language=xx"], "language=xx is unknown"),
        (["stages.bm25.constant=3"], "Add stages=bm25"),
    ],
)
def test_a_stage_that_can_not_be_is_refused_before_anything_is_encoded(
    tiny_run: list[str], words: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    assert main([*tiny_run, *words]) == 2
    message = capsys.readouterr().err
    assert said in message, message
    assert not list(tmp_path.glob("store/*/vectors.npy"))


def test_fusing_reads_as_the_models_config_says(tiny_run: list[str], tmp_path: Any) -> None:
    german = ["stages.bm25.model.options.language=de", "stages.bm25.model.options.k1=0.9"]
    assert main([*tiny_run, "stages=bm25", *german]) == 0
    run = read_run(stored_runs(tmp_path / "results")[-1])
    assert run.about["models"][0]["stages"]["bm25"]["options"] == "b=0.75, k1=0.9, language=de"
    assert [index_label(point) for point in run.about["points"]] == ["flat", "flat+bm25"]


def test_bm25_is_not_fused_with_itself(tiny_run: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    of_words = [word for word in tiny_run if not word.startswith("model")]
    assert main(["model=bm25", "stages=bm25", *of_words]) == 2
    assert "fuses bm25 with itself" in capsys.readouterr().err
