"""Every file under conf/ explains itself, composes, and says what its model's documentation says."""

import math
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from evalkit.config import GROUPS, MULTI_GROUPS, HostedModel, IndexConfig, RunConfig
from evalkit.config.checks.run import check, dims_list
from evalkit.config.compose import compose, like_run
from evalkit.config.input.files import GLOBAL, conf_dir, group_choices
from evalkit.corpora.sources import LOADERS
from evalkit.errors import UserError
from evalkit.lexical import KINDS as LEXICAL
from evalkit.search import operating_points

FILES = sorted(conf_dir().rglob("*.yaml"))
PLACEHOLDERS = {
    "model=local": ["model.path=x"],
    "model=mteb": ["model.name=x"],
    "model=openai_compatible": ["model.url=http://localhost:1/v1", "model.name=m"],
    "model=vectors": ["model.documents=x", "model.queries=x"],
    "corpus=beir": ["corpus.beir.path=x"],
    "corpus=mteb": ["corpus.mteb.task=x"],
    "corpus=table": ["corpus.table.documents=x", "corpus.table.queries=x", "corpus.table.qrels=x"],
}
CHOICES = [(group, name) for group in GROUPS for name in group_choices(group)]


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(conf_dir())))
def test_a_config_explains_itself_in_its_first_line(file: Path) -> None:
    name, dash, text = file.read_text().removeprefix(GLOBAL).partition("\n")[0].removeprefix("# ").partition(" — ")
    assert name.removesuffix(".yaml") == file.stem
    assert dash
    assert len(text) > 20


@pytest.mark.parametrize(("group", "name"), CHOICES)
def test_every_choice_composes_into_the_schema(group: str, name: str) -> None:
    config = compose("run", [f"{group}={name}", *PLACEHOLDERS.get(f"{group}={name}", [])])
    assert isinstance(config, RunConfig)
    check(config)
    assert all(c.source in LOADERS for c in config.corpus.values())


@pytest.mark.parametrize("group", MULTI_GROUPS)
def test_one_name_and_a_list_of_names_read_the_same(group: str) -> None:
    name = next(n for n in group_choices(group) if f"{group}={n}" not in PLACEHOLDERS)
    assert compose("run", [f"{group}={name}"]) == compose("run", [f"{group}=[{name}]"])


@pytest.mark.parametrize("name", [n for n in group_choices("model") if f"model={n}" not in PLACEHOLDERS])
def test_a_shipped_model_is_pinned_licensed_and_runs_no_remote_code(name: str) -> None:
    model = compose("run", [f"model={name}"]).model
    if isinstance(model, HostedModel):  # hosted: its owner has the weights
        return
    assert model.licence
    if model.kind == "sentence_transformers":
        assert len(model.revision) == 40
        assert model.max_length or name.startswith("static")  # a mean of tokens reads texts of any length
    assert model.kind in LEXICAL or model.native_dims
    assert not getattr(model, "trust_remote_code", False)


def test_prompts_are_those_of_the_model_cards() -> None:
    prompts = {n: compose("run", [f"model={n}"]).model.prompts for n in ("bge", "bge-base", "e5", "nomic")}
    assert prompts["bge"].query == "Represent this sentence for searching relevant passages: "
    assert prompts["bge"].document == ""
    assert prompts["bge-base"] == prompts["bge"]
    assert (prompts["e5"].query, prompts["e5"].document) == ("query: ", "passage: ")
    assert (prompts["nomic"].query, prompts["nomic"].document) == ("search_query: ", "search_document: ")


def test_nomic_is_normed_before_the_cut_and_minilm_is_not() -> None:
    assert compose("run", ["model=nomic"]).model.layer_norm is True
    assert compose("run", ["model=minilm"]).model.layer_norm is False


def test_mteb_knows_every_shipped_model_by_that_name_and_revision() -> None:
    mteb = pytest.importorskip("mteb")
    for name in group_choices("model"):
        model = compose("run", [f"model={name}"]).model
        if name in ("local", "clip") or model.kind != "sentence_transformers":  # mteb has CLIP under its first name
            continue
        meta = mteb.get_model_meta(model.name)
        assert meta.revision == model.revision
        assert meta.embed_dim == model.native_dims
        native = {"nomic": 2048}.get(name)  # positions without the authors' own code, which mteb runs
        assert (native or meta.max_tokens) == (model.max_length or math.inf)
        assert meta.license == model.licence
        mteb_prompts = meta.loader_kwargs.get("model_prompts", {})
        assert mteb_prompts.get("query", "") == model.prompts.query
        assert mteb_prompts.get("document", "") == model.prompts.document


def test_mteb_knows_the_task_and_split_of_every_shipped_corpus() -> None:
    mteb = pytest.importorskip("mteb")
    for name in group_choices("corpus"):
        for settings in OmegaConf.load(conf_dir() / "corpus" / f"{name}.yaml").values():
            if settings["source"] == "mteb" and name != "mteb":
                assert settings["split"] in mteb.get_task(settings["task"]).metadata.eval_splits


def test_own_configs_come_from_a_config_dir(tmp_path: Path) -> None:
    (tmp_path / "quantization").mkdir()
    (tmp_path / "quantization" / "six.yaml").write_text("# six — six bits\nsix:\n  faiss: SQ6\n  rescore: null\n")
    config = compose("run", ["quantization=[float32,six]", "--config-dir", str(tmp_path)])
    assert {k: v.faiss for k, v in config.quantization.items()} == {"float32": "Flat", "six": "SQ6"}


@pytest.mark.parametrize(
    ("dims", "expected"), [("native", [384]), (None, [384]), (256, [256]), ([64, 384, 64, "native"], [64, 384])]
)
def test_dims_are_a_number_a_list_or_native(dims: object, expected: list[int]) -> None:
    assert dims_list(dims, 384, "m") == expected


@pytest.mark.parametrize("dims", [385, 0, -1, "x", 1.5, True, [], [64, None, 400]])
def test_impossible_dims_are_refused(dims: object) -> None:
    with pytest.raises(UserError):
        dims_list(dims, 384, "m")


@pytest.mark.parametrize(
    ("stored", "overrides", "served"),
    [
        ({"top_k": 50}, [], 50),  # as it was measured before there was serve_k
        ({"top_k": 50, "serve_k": None}, [], 10),
        ({"top_k": 5, "serve_k": None}, [], 5),
        ({"top_k": 50, "serve_k": 20}, [], 20),
        ({"top_k": 50}, ["serve_k=7"], 7),
    ],
)
def test_a_run_like_an_older_one_serves_as_many(stored: dict[str, Any], overrides: list[str], served: int) -> None:
    rescore = {"binary_rescore": {"faiss": "BFlat", "rescore": {"store": "float32", "factor": 4}}}
    config = like_run({**stored, "measures": ["nDCG@5"], "quantization": rescore}, overrides)
    check(config)
    assert config.served == served
    points = operating_points("flat", IndexConfig("{quantization}"), config.quantization["binary_rescore"], served)
    assert [point.candidates for point in points] == [4 * served]
