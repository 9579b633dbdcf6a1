"""A commit of the hub is had whole or not at all, whatever a cache was left with and whatever the hub does."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from evalkit.hub import client, commit_of, model_files, snapshot
from tests.hub.conftest import COMMIT, HINT, NAME, fetched, refused
from tests.hub.stub import StubHub

WEIGHTS = "model.safetensors"
ESSENTIAL = {"modules.json", "1_Pooling/config.json", "config.json", "tokenizer.json", WEIGHTS}


def no_modules(cache: Path) -> None:
    (cache / "modules.json").unlink()


def forgotten(cache: Path) -> None:
    """As if another program had filled the cache."""
    shutil.rmtree(cache.parents[1] / "evalkit")


def test_all_that_is_needed_comes_and_nothing_else(tiny: Path, hub: StubHub) -> None:
    (tiny / "pytorch_model.bin").write_bytes(b"never read")
    made = fetched()
    assert set(made.files) >= ESSENTIAL
    assert {p.relative_to(made.folder).as_posix() for p in made.folder.rglob("*") if p.is_file()} == set(made.files)
    assert not [name for name in made.files if name.endswith((".bin", ".onnx", ".msgpack", ".ot", ".md"))]
    assert all((made.folder / name).read_bytes() == (tiny / name).read_bytes() for name in made.files)


def test_what_was_checked_once_asks_nobody(tiny: Path, hub: StubHub, offline: Callable[[], None]) -> None:
    first = fetched()
    hub.requests.clear()
    assert fetched() == first
    assert hub.requests == []
    offline()
    assert fetched() == first


def test_other_programs_find_the_files_in_the_same_cache(
    tiny: Path, hub: StubHub, offline: Callable[[], None], tmp_path: Path
) -> None:
    from huggingface_hub import hf_hub_download

    fetched()
    offline()
    found = hf_hub_download(NAME, "modules.json", revision=COMMIT, cache_dir=tmp_path / "hub-cache")
    assert Path(found).read_text() == (tiny / "modules.json").read_text()


@pytest.mark.parametrize("file", sorted(ESSENTIAL))
def test_a_half_filled_cache_is_filled(tiny: Path, cache: Path, hub: StubHub, file: str) -> None:
    digest = fetched().digest
    (cache / file).unlink()
    forgotten(cache)
    assert fetched().digest == digest
    assert (cache / file).read_bytes() == (tiny / file).read_bytes()


@pytest.mark.parametrize("file", sorted(ESSENTIAL))
def test_a_half_filled_cache_is_refused_offline_by_what_is_missing(
    tiny: Path, cache: Path, offline: Callable[[], None], file: str
) -> None:
    fetched()
    (cache / file).unlink()
    offline()
    assert f"Missing or damaged: {file}." in refused()


@pytest.mark.parametrize("file", [*sorted(ESSENTIAL), "sentence_bert_config.json", "tokenizer_config.json"])
def test_a_cache_of_others_is_refused_offline_where_something_may_be_missing(
    tiny: Path, cache: Path, offline: Callable[[], None], file: str
) -> None:
    fetched()
    forgotten(cache)
    (cache / file).unlink()
    offline()
    assert f"left by another program, without {file}" in refused()


def test_a_cache_of_others_is_taken_offline_where_all_is_there(
    tiny: Path, cache: Path, offline: Callable[[], None]
) -> None:
    made = fetched()
    forgotten(cache)
    offline()
    assert fetched().digest == made.digest


def test_the_hubs_own_word_that_there_is_no_such_file_counts(
    tiny: Path, cache: Path, offline: Callable[[], None]
) -> None:
    no_modules(tiny)
    fetched()
    forgotten(cache)
    absent = cache.parents[1] / ".no_exist" / COMMIT
    absent.mkdir(parents=True)
    offline()
    assert "without modules.json" in refused()
    (absent / "modules.json").touch()
    assert "modules.json" not in fetched().files


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_hub_that_fails_for_a_while_is_asked_again(tiny: Path, hub: StubHub, status: int) -> None:
    hub.faults = [{"match": f"{path}", "status": status, "times": 2} for path in ("/api/", "modules.json", "elsewhere")]
    assert set(fetched().files) >= ESSENTIAL


def test_a_busy_hub_is_asked_again_when_it_says(
    tiny: Path, hub: StubHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("evalkit.hub.client.time.sleep", waits.append)
    busy = {"status": 429, "times": 1}
    hub.faults = [
        {"match": "/api/", **busy, "headers": {"Retry-After": "7"}},
        {"match": "modules.json", **busy, "headers": {"RateLimit": '"resolvers";r=0;t=55'}},
    ]
    fetched()
    assert waits == [7, 55]
    assert "answered 429: asking again in 7 s" in capsys.readouterr().err


@pytest.mark.parametrize("file", ["tokenizer.json", "1_Pooling/config.json", WEIGHTS])
def test_a_file_that_fails_is_not_taken_for_one_that_is_absent(tiny: Path, hub: StubHub, file: str) -> None:
    whole = fetched().digest
    shutil.rmtree(Path(fetched().folder).parents[1])
    hub.faults = [{"match": f"GET .*{file}", "status": 503}]
    assert "answered 503" in refused()
    hub.faults = []
    assert fetched().digest == whole


def test_a_broken_line_goes_on_where_it_broke(tiny: Path, hub: StubHub) -> None:
    hub.faults = [{"match": "elsewhere", "drop": 10_000, "times": 2}]
    made = fetched()
    asked = [request["Range"] for request in hub.requests if "elsewhere" in request["path"]]
    assert asked == [None, "bytes=10000-", "bytes=20000-"]
    assert (made.folder / WEIGHTS).read_bytes() == (tiny / WEIGHTS).read_bytes()


def test_a_broken_download_goes_on_in_the_next_run(tiny: Path, hub: StubHub) -> None:
    hub.faults = [{"match": "elsewhere", "drop": 10_000, "times": 1}, {"match": "elsewhere", "status": 503}]
    refused()
    hub.requests.clear()
    hub.faults = []
    made = fetched()
    assert [r["Range"] for r in hub.requests if "elsewhere" in r["path"]] == ["bytes=10000-"]
    assert (made.folder / WEIGHTS).read_bytes() == (tiny / WEIGHTS).read_bytes()


def test_what_arrives_damaged_is_refused_and_not_kept(tiny: Path, hub: StubHub, cache: Path) -> None:
    hub.faults = [{"match": "elsewhere", "corrupt": True}]
    assert "arrived damaged" in refused()
    assert not (cache / WEIGHTS).exists()
    hub.faults = []
    assert (fetched().folder / WEIGHTS).read_bytes() == (tiny / WEIGHTS).read_bytes()


def test_more_than_is_listed_is_not_taken(tiny: Path, hub: StubHub, cache: Path) -> None:
    size = (tiny / WEIGHTS).stat().st_size
    hub.faults = [{"match": "elsewhere", "status": 200, "body": "x" * 10 * size}]
    assert "sends more of a file than it lists" in refused()
    assert len([path for path in hub.paths() if "elsewhere" in path]) == 1
    assert not (cache / WEIGHTS).exists()
    hub.faults = []
    assert (fetched().folder / WEIGHTS).read_bytes() == (tiny / WEIGHTS).read_bytes()


@pytest.mark.parametrize("limit", ["MOST_BYTES", "LONGEST_ANSWER_S"])
def test_a_list_without_an_end_is_not_taken(
    tiny: Path, hub: StubHub, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(client, limit, -1)
    assert "answered without an end" in refused()


def test_no_token_goes_to_where_the_hub_keeps_its_files(
    tiny: Path, hub: StubHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_user")
    fetched()
    shown = {"elsewhere" in request["path"]: request["Authorization"] for request in hub.requests}
    assert shown == {False: "Bearer hf_of_the_user", True: None}


def test_what_is_damaged_in_the_cache_is_fetched_again(
    tiny: Path, hub: StubHub, cache: Path, offline: Callable[[], None]
) -> None:
    fetched()
    blob = (cache / WEIGHTS).resolve()
    blob.write_bytes(blob.read_bytes()[:-1] + b"\x01")
    fetched()
    assert (cache / WEIGHTS).read_bytes() == (tiny / WEIGHTS).read_bytes()
    (cache / WEIGHTS).resolve().write_bytes(b"short")
    offline()
    assert f"Missing or damaged: {WEIGHTS}." in refused()


def test_a_listed_name_outside_the_folder_is_left_alone(
    tiny: Path, hub: StubHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"rfilename": name, "size": 1} for name in ("../../../../evil.json", "/evil.json", "a\\..\\evil.json")]
    rows.append({"rfilename": WEIGHTS, "size": (tiny / WEIGHTS).stat().st_size})
    hub.faults = [{"match": "/api/", "status": 200, "body": json.dumps({"sha": COMMIT, "siblings": rows})}]
    assert fetched().files == (WEIGHTS,)
    assert [path for path in hub.paths() if "evil" in path] == []


def test_main_is_the_commit_that_it_is_today(tiny: Path, hub: StubHub, offline: Callable[[], None]) -> None:
    later = "b" * 40
    assert fetched(None).commit == fetched("main").commit == COMMIT
    shutil.copytree(tiny, tiny.with_name(later))
    (tiny.parent / "main").write_text(later)
    assert fetched(None).commit == later
    offline()
    assert fetched("main").commit == commit_of(NAME, None, HINT) == later


def test_a_download_says_how_large_it_is(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fetched()
    assert f"evalkit: fetching {NAME}@aaaaaaa, " in capsys.readouterr().err
    fetched()
    assert capsys.readouterr().err == ""


def test_a_long_download_says_how_far_it_is(
    tiny: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evalkit.hub.progress.LINE_EVERY_S", 0)
    fetched()
    assert "/s, 0 s left\n" in capsys.readouterr().err


def test_on_a_terminal_a_bar_is_shown(
    tiny: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    fetched()
    shown = capsys.readouterr().err
    assert f"{NAME}@aaaaaaa" in shown
    assert " kB" in shown
    assert "evalkit: fetching" not in shown


def test_pickles_are_refused_unless_they_are_allowed(tiny: Path) -> None:
    (tiny / WEIGHTS).rename(tiny / "pytorch_model.bin")
    assert "someone/tiny has pytorch_model.bin and no safetensors" in refused()
    assert "model.allow_pickle=true" in refused()
    allowed = snapshot(NAME, COMMIT, model_files("model", allow_pickle=True, with_code=False), HINT)
    assert "pytorch_model.bin" in allowed.files


def test_a_repository_without_weights_is_refused(tiny: Path) -> None:
    (tiny / WEIGHTS).unlink()
    assert "has no weights that PyTorch reads" in refused()


def test_of_weights_in_parts_every_part_is_needed(tiny: Path, cache: Path, offline: Callable[[], None]) -> None:
    (tiny / WEIGHTS).rename(tiny / "model-00001-of-00002.safetensors")
    (tiny / "model-00002-of-00002.safetensors").write_bytes(b"the rest")
    parts = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (tiny / f"{WEIGHTS}.index.json").write_text(json.dumps({"weight_map": parts}))
    assert {*parts.values(), f"{WEIGHTS}.index.json"} < set(fetched().files)
    (cache / parts["b"]).unlink()
    forgotten(cache)
    offline()
    assert "without model.safetensors" in refused()
