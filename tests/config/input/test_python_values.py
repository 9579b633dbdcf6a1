"""Settings from Python: whatever a value is, the composed config has just that."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from evalkit.config.compose import compose
from evalkit.config.input.python_values import overrides
from evalkit.config.input.words import parse
from evalkit.errors import UserError

TEXTS = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=20)
ODD = st.text(st.sampled_from("'\"\\${}[](),:=~ \n\t#@|!a1"), max_size=12)


@given(TEXTS | ODD)
def test_a_text_is_read_as_the_text_that_it_is(text: str) -> None:
    (word,) = overrides("run", {"model": {"prompts": {"query": text}}})
    assert OmegaConf.create({"query": parse(word).value()}).query == text


@pytest.mark.parametrize(
    "text", ["${oc.env:HOME}", "null", "true", "1", "a,b", "[a]", "~/x", "choice(a,b)", "\\", "a\\'", ""]
)
def test_a_text_that_would_mean_something_on_a_command_line_means_nothing(text: str) -> None:
    assert compose("run", overrides("run", {"data_dir": text})).data_dir == text


def test_numbers_lists_paths_and_arrays_are_plain_values() -> None:
    settings = {
        "dims": np.array([64, 128]),
        "top_k": np.int64(50),
        "measures": ("nDCG@10", "P(rel=2)@10"),
        "serve_k": None,
        "save_rankings": False,
        "memory_gb": 1e-3,
        "results_dir": Path("a") / "b c",
        "quantization": ["int8", "binary"],
    }
    config = compose("run", overrides("run", settings))
    assert config.dims == [64, 128]
    assert (config.top_k, config.serve_k, config.save_rankings, config.memory_gb) == (50, None, False, 0.001)
    assert config.measures == ["nDCG@10", "P(rel=2)@10"]
    assert config.results_dir == "a/b c"
    assert list(config.quantization) == ["int8", "binary"]


def test_a_dict_sets_what_is_below_and_may_choose_what_it_sets(tmp_path: Path) -> None:
    settings = {
        "model": {"local": {"path": str(tmp_path), "native_dims": 32}},
        "corpus": {"beir": {"path": "x"}, "pydoc": {}},
        "runtime": {"precision": "bf16"},
        "index": {"hnsw": {"search": {"efSearch": [16, 32]}}},
        "stages": {"bm25": {"constant": 30}},
    }
    config = compose("run", overrides("run", settings))
    assert (config.model.path, config.model.native_dims) == (str(tmp_path), 32)
    assert list(config.corpus) == ["beir", "pydoc"]
    assert config.corpus["beir"].path == "x"
    assert config.runtime.precision == "bf16"
    assert config.index["hnsw"].search == {"efSearch": [16, 32]}
    assert config.stages["bm25"].constant == 30


def test_a_dict_chooses_among_configs_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "ours.yaml").write_text("kind: model2vec\nname: ours\n")
    words = overrides("run", {"model": {"ours": {"max_length": 9}}}, [tmp_path])
    config = compose("run", [*words, "--config-dir", str(tmp_path)])
    assert (config.model.name, config.model.max_length) == ("ours", 9)


def test_limits_of_a_gate_are_given_together() -> None:
    config = compose("gate", overrides("gate", {"baseline": "x", "limits": {"search_ms_p95": None, "index_bytes": 2}}))
    assert config.limits["search_ms_p95"] is None
    assert config.limits["index_bytes"] == 2


@pytest.mark.parametrize("value", [object(), 1j, [object()], b"bytes", {"kind": object()}])
def test_what_no_config_can_hold_is_refused_by_its_name(value: Any) -> None:
    with pytest.raises(UserError, match=r"^model"):
        overrides("run", {"model": value})
