"""A command line's words: what each command takes, and that it refuses the rest with one message and exit code 2."""

from pathlib import Path

import pytest

from evalkit.__main__ import COMMANDS, main
from evalkit.commands.arguments import FLAGS, HYDRA_FLAGS, Arguments, split
from evalkit.errors import UserError

NEEDED = {"baseline": ["accept"], "new-corpus": ["docs"], "gate": ["baseline=a", "candidate=b"], "compare": ["a"]}
TAKE_NAMES = ("report", "export", "baseline", "new-corpus", "show", "compare", "recommend")


def test_words_are_split_into_names_overrides_and_flags_with_their_values(tmp_path: Path) -> None:
    folder = str(tmp_path)
    words = ["one", "results_dir=r", "--config-dir", folder, "two", "+x.y=1", f"-cd={folder}"]
    expected = Arguments(("one", "two"), ("results_dir=r", "+x.y=1"), ("--config-dir", folder, f"-cd={folder}"))
    assert split("report", words) == expected


def test_flags_may_stand_anywhere_among_overrides(tmp_path: Path) -> None:
    (tmp_path / "a=b").mkdir()
    folder = str(tmp_path / "a=b")
    words = ["model=minilm", "--config-dir", folder, "dims=8", "--resolve", "top_k=5", "--cfg=job", "~hydra.run"]
    expected = ["--config-dir", folder, "--resolve", "--cfg=job", "model=minilm", "dims=8", "top_k=5", "~hydra.run"]
    assert split("run", words, HYDRA_FLAGS).settings == expected


def test_hydras_info_may_be_asked_for_without_a_value() -> None:
    assert split("run", ["--info"], HYDRA_FLAGS).flags == ("--info", "all")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("flag", ["--config-dri", "--config-dri=conf", "--xyz"])
def test_an_unknown_flag_is_refused_with_the_flags_that_there_are(
    command: str, flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, *NEEDED.get(command, []), flag]) == 2
    message = capsys.readouterr().err
    assert f"there is no flag '{flag.partition('=')[0]}' of {command}" in message
    assert "--config-dir" in message
    assert message.count("\n") == 2


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "run"])
def test_a_sweep_is_refused_by_commands_that_run_once(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, *NEEDED.get(command, []), "-m"]) == 2
    assert f"there is no flag '-m' of {command}" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_setting_is_refused_with_the_nearest(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    misspelt = {"store": "max_bg", "new-corpus": "output_dri"}.get(command, "results_dri")
    near = {"store": "max_gb", "new-corpus": "output_dir"}.get(command, "results_dir")
    assert main([command, *NEEDED.get(command, []), f"{misspelt}=1"]) == 2
    message = capsys.readouterr().err
    assert f"there is no setting '{misspelt}'" in message
    assert f"Did you mean '{near}'?" in message


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("store verfy", "'verfy' sets nothing. Write key=value, as in verify=<value>."),
        ("store everything", "sets nothing. Write key=value. Known: max_gb, older_than_days, path, verify."),
        ("store ~path", "'~path' sets nothing."),
        ("gate tolerence baseline=main", "Write key=value, as in tolerance=<value>."),
        ("run bge", "'bge' sets nothing. Write key=value, as in model=bge."),
        ("run dim", "'dim' sets nothing. Write key=value, as in dims=<value>."),
        ("report no-such-run", "no-such-run"),
        ("report ~pricing", "~pricing"),
        ("report experiment=demo", "there is no setting 'experiment'"),
        ("gate baseline=main experiment=demo", "there is no setting 'experiment'"),
        ("export one two", "export takes one run, not 2. Write: python -m evalkit export [<run>]."),
        ("export no-such-run", "no-such-run"),
        ("baseline", "Write: python -m evalkit baseline accept [<run>]."),
        ("baseline acept", "Write: python -m evalkit baseline accept [<run>]."),
        ("baseline accept one two", "Write: python -m evalkit baseline accept [<run>]."),
        ("new-corpus", "new-corpus takes one folder, not 0. Write: python -m evalkit new-corpus <folder>."),
        ("new-corpus one two", "new-corpus takes one folder, not 2."),
    ],
)
def test_a_word_that_a_command_has_no_use_for_is_refused(
    line: str, expected: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(line.split()) == 2
    captured = capsys.readouterr()
    assert expected in " ".join(captured.err.split())
    assert captured.err.count("\n") <= 2
    assert captured.out == ""
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", [["--config-dir"], ["--config-dir", "-cd=x"], ["name=main", "-cd"]])
def test_a_flag_without_its_value_is_refused(words: list[str]) -> None:
    with pytest.raises(UserError, match="needs a value"):
        split("baseline", words)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_config_folder_that_is_not_there_is_refused(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, *NEEDED.get(command, []), "--config-dir", "/nowhere"]) == 2
    assert "--config-dir /nowhere is no folder" in capsys.readouterr().err


def test_every_flag_of_the_other_commands_is_one_of_hydras() -> None:
    assert FLAGS.items() <= HYDRA_FLAGS.items()
