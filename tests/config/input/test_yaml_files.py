"""Files of --config-dir: what is no config is told by its file and line, and nothing is built from it."""

import os
from pathlib import Path

import pytest

from evalkit.__main__ import main
from evalkit.config.input.files import conf_dir
from evalkit.config.input.yaml_files import check_yaml
from evalkit.errors import UserError

LEVELS = "\n".join(f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
CASES = [  # what the file holds, and what is said of it; the rest of the line is the same for all
    (b"kind: [a\n", "FILE line 2: expected ',' or ']', but got '<stream end>'."),
    (b"kind: !!python/object/apply:os.abort []\n", "FILE line 1 has the tag 'tag:yaml.org,2002:python/object/apply:os"),
    (f"a: &a [x,x,x,x,x,x,x,x,x]\n{LEVELS}\n".encode(), "FILE line 5 is more than a config holds: at most 64 levels"),
    (b"kind: " + b"[" * 3000 + b"]" * 3000, "FILE line 1 is more than a config holds: at most 64 levels"),
    (b"#" * 1_000_001, "FILE is no config: it has more than 1,000,000 bytes."),
    (b"kind: bm25\nname: \xe9\n", "FILE is not in UTF-8: 'utf-8' codec can't decode byte 0xe9 in position 17"),
    (b"kind: a\x07b\n", "FILE: special characters are not allowed."),
    (b"- a\n", "FILE holds no settings."),
    (b"text\n", "FILE holds no settings."),
    (b"kind: bm25\nkind: random\n", "the settings can't be composed: FILE line 2: found duplicate key kind."),
    (b"kind: bm25\n---\nkind: random\n", "the settings can't be composed: FILE line 2: but found another document."),
    (b"? [a]\n: b\n", "the settings can't be composed: FILE line 1: found unhashable key."),
    (b"defaults: 5\n", "the settings can't be composed: Invalid defaults list in 'model/own', defaults must be a list"),
    (b"defaults: [own]\nkind: bm25\n", "the settings can't be composed: something is nested too deeply, or refers to"),
    (b"kind: bm25\noptions: &a {k1: *a}\n", "the settings can't be composed: something is nested too deeply, or refe"),
    (b"kind: bm25\noptions: {k1: 1" + b"0" * 5000 + b"}\n", "the settings can't be composed: Exceeds the limit (4300"),
    (b"kind: bm25\noptions: {k1: .nan}\n", "model.options.k1=nan is not possible."),
    (b'kind: bm25\nname: "a\\0b"\n', "model.name=a\\x00b has a character that no text can hold."),
    (b"kind: bm25\n_target_: os.abort\n", "there is no setting '_target_' in model (kind bm25)."),
    (b"", "model.kind is not set."),
]


@pytest.mark.parametrize(("content", "problem"), CASES, ids=range(len(CASES)))
def test_a_file_that_is_no_config_is_told_in_one_line(
    content: bytes, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "model" / "own.yaml"
    file.parent.mkdir()
    file.write_bytes(content)
    assert main(["model=own", "corpus=beir", f"corpus.beir.path={tmp_path}", "--config-dir", str(tmp_path)]) == 2
    first, *rest = capsys.readouterr().err.splitlines()
    assert first.startswith(f"evalkit: {problem}".replace("FILE", str(file)))
    assert len(rest) == 1


def test_help_tells_it_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "x.yaml").write_bytes(b"\xff")
    assert main(["--help", "--config-dir", str(tmp_path)]) == 2
    assert f"{tmp_path}/corpus/x.yaml is not in UTF-8" in capsys.readouterr().err


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.yaml")
    with pytest.raises(UserError, match=r"x\.yaml is no file\."):
        check_yaml(tmp_path / "x.yaml")


def test_every_file_that_is_shipped_is_a_config() -> None:
    files = list(conf_dir().rglob("*.yaml"))
    assert len(files) > 80
    for file in files:
        check_yaml(file)
