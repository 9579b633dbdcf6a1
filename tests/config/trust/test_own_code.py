"""Code of one's own runs where its user names it: by allow_code, or in a file of --config-dir."""

import sys
from pathlib import Path
from typing import Any

import pytest

from evalkit.__main__ import main
from evalkit.config import QuantizationConfig
from evalkit.config.checks.run import check
from evalkit.config.compose import compose
from evalkit.errors import UserError
from evalkit.vectors.own_quantizers import own_quantizer

MODULE = """
import os
from os import system
from pathlib import Path

class Signs:
    def __init__(self, **options): self.options = options
    def train(self, documents): ...
    def search(self, queries, k): ...

made = Signs()
"""


QUANTIZER = ["quantization=int8", "quantization.int8._target_=mine.Signs", "quantization.int8.faiss=''"]
ENGINE = ["index.flat.engine=mine:Engine"]


@pytest.mark.parametrize("named", [QUANTIZER, ENGINE])
@pytest.mark.parametrize(
    ("words", "is_allowed"),
    [
        ([], False),
        (["allow_code=[mine]"], True),
        (["allow_code=[other,mine]"], True),
        (["allow_code=[mi]"], False),
        (["allow_code=[mine.Signs]"], False),
    ],
)
def test_a_class_is_allowed_by_its_module(named: list[str], words: list[str], is_allowed: bool) -> None:
    config = compose("run", [*named, *words])
    if is_allowed:
        check(config)
        return
    with pytest.raises(UserError, match=r"add allow_code=\[mine\]"):
        check(config)


@pytest.mark.parametrize(
    ("file", "content", "word", "others"),
    [
        (
            "quantization/own.yaml",
            "own:\n  _target_: mine.Signs\n",
            "quantization=own",
            "quantization.own._target_=theirs.Signs",
        ),
        ("index/own.yaml", "own:\n  engine: mine:Engine\n", "index=own", "index.own.engine=theirs:Engine"),
    ],
)
def test_a_file_of_the_users_folder_allows_what_it_names(
    file: str, content: str, word: str, others: str, tmp_path: Path
) -> None:
    (tmp_path / file).parent.mkdir()
    (tmp_path / file).write_text(f"# own — o\n{content}")
    (tmp_path / file).with_name("broken.yaml").write_text("a: [")
    words = [word, "--config-dir", str(tmp_path)]
    config = compose("run", words)
    check(config)
    assert config.allow_code == ["mine"]
    with pytest.raises(UserError, match="code that nothing allows"):
        check(compose("run", [*words, others]))


@pytest.mark.parametrize("module", ["mine;os", "", "a b", "mine."])
def test_what_is_no_module_is_refused(module: str) -> None:
    with pytest.raises(UserError, match="is no module"):
        check(compose("run", [f"allow_code=['{module}']"]))


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "mine", raising=False)


@pytest.mark.usefixtures("mine")
@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("mine.system", "defines no such class"),
        ("mine.Path", "defines no such class"),
        ("mine.made", "defines no such class"),
        ("mine.os", "defines no such class"),
        ("mine.Missing", "can't be made"),
        ("mine.Signs.train", "can't be made"),
        ("mine", "is no class"),
        ("mine.Signs()", "is no class"),
        ("nowhere.Signs", "can't be made: No module named 'nowhere'"),
    ],
)
def test_what_the_module_does_not_define_as_a_class_is_refused(target: str, problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        own_quantizer(QuantizationConfig(_target_=target))


@pytest.mark.usefixtures("mine")
def test_options_are_data_whatever_they_hold(tmp_path: Path) -> None:
    planted = {"_target_": "pathlib.Path.touch", "self": str(tmp_path / "planted")}
    options: dict[str, Any] = {"scale": 2, "inner": planted, "_partial_": True, "_convert_": "all"}
    quantizer = own_quantizer(QuantizationConfig(_target_="mine.Signs", options=options))
    assert quantizer.options == options
    assert not (tmp_path / "planted").exists()


@pytest.mark.parametrize("is_in_folder", [True, False])
def test_a_run_of_the_command_line_knows_the_users_folder(
    is_in_folder: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own" / "quantization").mkdir(parents=True)
    target = "_target_: mine.Signs" if is_in_folder else "faiss: SQ8"
    (tmp_path / "own" / "quantization" / "signs.yaml").write_text(f"# signs — s\nsigns:\n  {target}\n")
    words = ["--config-dir", "own", "quantization=signs", "model=local", "model.path=nowhere"]
    words += [] if is_in_folder else ["quantization.signs._target_=mine.Signs", "quantization.signs.faiss=''"]
    assert main(words) == 2
    assert ("code that nothing allows" in capsys.readouterr().err) is not is_in_folder
