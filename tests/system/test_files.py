"""Files and folders are whole or not there, and what a kill left is removed while nobody makes it."""

import os
import threading
from pathlib import Path

import pytest

from evalkit.system import files
from evalkit.system.files import begun_file, begun_folder, exchange, remove_leftovers, write_text, writing
from tests.killed import is_killed_at

SOURCE = {files.__file__}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_old_or_new_wherever_its_writer_is_killed_and_the_next_one_tidies(tmp_path: Path) -> None:
    file, old, new = tmp_path / ("é" * 120 + ".md"), "old" * 10_000, "new" * 20_000
    seen, step = set(), 1
    write_text(file, old)
    while is_killed_at(step, lambda: write_text(file, new), SOURCE):
        assert file.read_text() in (old, new)
        seen.add((file.read_text() == new, len(names(tmp_path)) - 1))
        step += 1
    assert file.read_text() == new
    assert names(tmp_path) == [file.name]
    assert {(False, 0), (False, 1), (True, 0)} <= seen  # it was killed before, while and after it wrote


def test_what_fails_while_it_is_written_leaves_the_old_file_alone(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "old")

    def half() -> None:
        with writing(tmp_path / "a") as opened:
            opened.write("half")
            raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        half()
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "old"


def test_only_what_nobody_is_making_is_removed(tmp_path: Path) -> None:
    begun, descriptor = begun_file(tmp_path)
    folder = tmp_path / ".evalkit-folder.tmp"
    of_folder = begun_folder(folder)
    (folder / "table").write_text("rows")
    (tmp_path / ".evalkit-link.tmp").symlink_to(tmp_path)
    (tmp_path / ".other.tmp").write_text("a user's own")
    for held in ([begun.name, folder.name], [folder.name], []):
        remove_leftovers(tmp_path, ".evalkit-*.tmp")
        assert names(tmp_path) == sorted([*held, ".evalkit-link.tmp", ".other.tmp"])
        os.close(descriptor if len(held) == 2 else of_folder) if held else None


def test_a_folder_that_is_taken_for_a_leftover_while_it_begins_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def lock(descriptor: int, wait: bool = False) -> bool:
        tries.append(descriptor)
        if len(tries) == 1:
            (tmp_path / "new").rmdir()
        return True

    monkeypatch.setattr(files, "lock", lock)
    os.close(begun_folder(tmp_path / "new"))
    assert len(tries) == 2
    assert (tmp_path / "new").is_dir()


@pytest.mark.parametrize("at_once", [True, False])
def test_folders_change_places(at_once: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not at_once:
        monkeypatch.setattr(files, "exchanged_at_once", lambda *_: False)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    exchange(tmp_path / "a", tmp_path / "b")
    assert [(tmp_path / name / "file").read_text() for name in ("a", "b")] == ["b", "a"]
    assert names(tmp_path) == ["a", "b"]


def test_a_folder_is_there_at_every_moment_in_which_it_changes_places(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    is_over = threading.Event()

    def exchanging() -> None:
        while not is_over.is_set():
            exchange(tmp_path / "a", tmp_path / "b")

    thread = threading.Thread(target=exchanging)
    thread.start()
    try:
        read = {(tmp_path / "a" / "file").read_text() for _ in range(2000)}
        while read != {"a", "b"} and thread.is_alive():  # a busy machine runs one thread for long
            read.add((tmp_path / "a" / "file").read_text())
    finally:
        is_over.set()
        thread.join()
    assert read == {"a", "b"}
