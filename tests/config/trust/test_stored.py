"""What a stored run may decide of a new one: nothing that names code, a model, an address, a key or a file."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import asdict, is_dataclass
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from evalkit.config import (
    CORPUS_SOURCES,
    MODEL_KINDS,
    TASK_KINDS,
    CorpusConfig,
    LoadConfig,
    ModelConfig,
    RunConfig,
    TaskConfig,
)
from evalkit.config.compose import compose, like_run
from evalkit.config.schema.kinds import dataclass_of, literal
from evalkit.config.trust.outside import INSIDE, OUTSIDE, is_at, outside, put, value_at
from evalkit.errors import UserError

SECRET = "only-the-environment-knows"  # noqa: S105
TEXTS = (str, list[str], list[Any], Any, dict[str, Any])


def texts_below(schema: type, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The place of every setting that may hold a text; ``*`` is the key of a choice."""
    for name, hint in get_type_hints(schema).items():
        place = (*above, name)
        of_keys = get_args(hint)[1] if get_origin(hint) is dict else None
        below = [dataclass_of(hint)] if of_keys is None else [dataclass_of(of_keys)]
        below = {ModelConfig: [kind.schema for kind in MODEL_KINDS.values()]}.get(below[0], below)  # type: ignore[arg-type]
        below = {CorpusConfig: list(CORPUS_SOURCES.values())}.get(below[0], below)  # type: ignore[arg-type,call-overload]
        below = {TaskConfig: list(TASK_KINDS.values())}.get(below[0], below)  # type: ignore[arg-type,call-overload]
        if is_dataclass(below[0]):
            for each in below:
                assert each is not None
                yield from texts_below(each, place if of_keys is None else (*place, "*"))
        elif hint in TEXTS or {*get_args(hint)} == {str, NoneType}:
            yield place


def test_every_setting_that_may_be_a_text_is_known_to_reach_outside_or_not() -> None:
    places = set(texts_below(RunConfig))
    assert ("model", "api", "extra", "query") in places
    assert ("corpus", "*", "document_image") in places
    for place in sorted(places):
        reaches = any(is_at(place[: pattern.count(".") + 1], pattern) for pattern in OUTSIDE)
        stays = any(is_at(place, pattern) for pattern in INSIDE)
        assert reaches != stays, f"{'.'.join(place)} belongs into one of the tables of config.outside"
    for pattern in INSIDE:  # none that there isn't any more
        if not pattern.startswith("model.options"):
            assert tuple(pattern.split(".")) in places, pattern


CONFIG = asdict(compose("run", ["corpus=[pydoc]", "quantization=[float32,int8]", "stages=minilm"]))
HOSTED = asdict(compose("run", ["model=openai-small"]))
PLANTED: Mapping[str, Any] = {
    "model.name": "someone/else",
    "model.path": "/models/theirs",
    "model.package": "antigravity",
    "model.revision": "main",
    "model.weights_sha256": None,
    "model.trust_remote_code": True,
    "model.allow_pickle": True,
    "model.tokenizer": "../tokenizer",
    "corpus.pydoc.root": "/etc",
    "quantization.int8._target_": "pandas.read_pickle",
    "quantization.int8.options": {"_target_": "shutil.copyfile", "src": "a", "dst": "b"},
    "index.flat.engine": "os:getcwd",
    "index.flat.options": {"dsn": "postgres://127.0.0.1"},
    "stages.minilm.name": "someone/else",
    "stages.minilm.path": "/models/theirs",
    "stages.minilm.trust_remote_code": True,
    "stages.minilm.allow_pickle": True,
}


def planted(setting: str, value: Any, stored: Mapping[str, Any] = CONFIG) -> dict[str, Any]:
    changed = deepcopy(dict(stored))
    put(changed, tuple(setting.split(".")), value)
    return changed


@pytest.mark.parametrize("setting", PLANTED)
def test_what_reaches_outside_is_refused_by_name_with_the_words_that_confirm_it(setting: str) -> None:
    with pytest.raises(UserError) as refused:
        like_run(planted(setting, PLANTED[setting]), ["dims=64"], "the baseline main")
    assert refused.value.problem.startswith(f"the baseline main has {setting}=")
    assert setting in refused.value.hint or "allow_code=[" in refused.value.hint or setting.startswith("quantization")


@pytest.mark.parametrize(
    ("setting", "value"), [("model.url", "http://127.0.0.1:1/v1"), ("model.api.key_variable", SECRET)]
)
def test_a_hosted_model_is_asked_where_and_with_which_key_conf_says(setting: str, value: str) -> None:
    assert like_run(HOSTED, []).model == compose("run", ["model=openai-small"]).model
    with pytest.raises(UserError, match=f"has {setting}="):
        like_run(planted(setting, value, HOSTED), [])
    confirmed = like_run(planted(setting, value, HOSTED), [f"{setting}={value}"])
    assert asdict(confirmed.model) == planted(setting, value, HOSTED)["model"]


def test_the_words_that_are_offered_make_the_run_again() -> None:
    stored = asdict(compose("run", ["model=local", "model.path=/models/ours", "model.native_dims=32"]))
    with pytest.raises(UserError) as refused:
        like_run(stored, ["dims=8"])
    assert refused.value.hint == "If you trust it, add: model.path=/models/ours"
    config = like_run(stored, ["dims=8", "model.path=/models/ours"])
    assert asdict(config.model) == stored["model"]


def test_what_a_run_left_out_of_what_guards_its_weights_is_what_conf_says() -> None:
    stored = deepcopy(CONFIG)
    digest = stored["model"].pop("weights_sha256")
    assert like_run(stored, []).model.weights_sha256 == digest


def test_settings_of_a_class_of_ones_own_are_taken_with_its_module_alone(tmp_path: Path) -> None:
    own = {"_target_": "mine.Signs", "options": {"scale": 2}, "faiss": "", "rescore": None}
    stored = planted("quantization", {"signs": own})
    with pytest.raises(UserError, match=r"add: 'allow_code=\[mine\]'"):
        like_run(stored, [])
    with pytest.raises(UserError, match=r"stored run can't decide"):
        like_run(stored, ["allow_code=[mi]"])
    assert like_run(stored, ["allow_code=[mine]"]).quantization["signs"].options == {"scale": 2}
    (tmp_path / "quantization").mkdir()
    (tmp_path / "quantization" / "s.yaml").write_text("# s\nsigns:\n  _target_: mine.Signs\n  options: {scale: 2}\n")
    config = like_run(stored, ["--config-dir", str(tmp_path)])
    assert (config.quantization["signs"]._target_, config.allow_code) == ("mine.Signs", ["mine"])
    other = planted("quantization.signs.options", {"scale": 3}, stored)
    with pytest.raises(UserError, match=r"quantization.signs.options="):
        like_run(other, ["--config-dir", str(tmp_path)])


@pytest.mark.parametrize("place", ["model.prompts.query", "corpus.pydoc.options", "pricing.machines.own.name"])
def test_a_stored_text_is_never_read_as_a_reference(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_OURS", SECRET)
    for text in ("${oc.env:SECRET_OF_OURS}", r"\${oc.env:SECRET_OF_OURS}", "${model.name}", "a ${b} {c"):
        stored = planted(place, text)
        stored["pricing"]["machines"]["own"] = {"name": "m", "usd_per_hour": 1.0} | dict(
            stored["pricing"]["machines"].get("own", {})
        )
        config = asdict(like_run(stored, ["dims=64"]))
        assert SECRET not in str(config)
        if place != "corpus.pydoc.options":  # which no corpus has
            assert value_at(config, tuple(place.split("."))) == text


def test_a_prompt_of_the_command_line_is_what_was_written() -> None:
    word = r"model.prompts.query='\${b} {'"
    assert compose("run", [word]).model.prompts.query == "${b} {"
    assert like_run(CONFIG, [word]).model.prompts.query == "${b} {"


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("\\${}:a.'\" ,[]\n")))
def test_literal_texts_come_back_as_they_are(text: str) -> None:
    made = OmegaConf.create(literal({"a": text, "b": [text], "c": {"d": {"e": text}}, text: 1}))
    assert OmegaConf.to_container(made, resolve=True) == {"a": text, "b": [text], "c": {"d": {"e": text}}, text: 1}


def test_what_reaches_outside_is_found_whatever_its_choice_is_called() -> None:
    stored = {"corpus": {name: {"path": "p"} for name in ("options", "extra", "*", "a.b")}}
    assert len(list(outside(stored))) == 4


def test_what_an_older_run_called_load_seconds_is_read_as_today() -> None:
    stored = {**CONFIG, "load_seconds": 2.5}
    del stored["load"]
    assert like_run(stored, []).load == LoadConfig(seconds=2.5)
    assert like_run(stored, ["load.clients=[1]"]).load == LoadConfig(seconds=2.5, clients=[1])
    assert like_run(stored, ["load.seconds=0"]).load == LoadConfig()
