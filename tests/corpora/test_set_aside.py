"""Documents of a corpus made again: texts keep their ids, and no judgment ever counts for another text."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.__main__ import main
from evalkit.corpora import file_chunks, set_aside
from evalkit.corpora.file_chunks import chunks, ids_of
from evalkit.corpora.new_corpus import make_corpus
from evalkit.corpora.set_aside import FOLDER, QRELS_HEADER, Revision
from evalkit.system import files as whole_files
from tests.killed import is_killed_at

pytest.importorskip("bs4")
pytest.importorskip("semantic_text_splitter")
SIZE = 60
SOURCES = {set_aside.__file__, whole_files.__file__}
PARAGRAPHS = st.text("abc de.\n", min_size=1, max_size=90).filter(str.strip)
FILES = st.dictionaries(
    st.sampled_from(["a.txt", "b.md", "sub/c.txt"]), st.lists(PARAGRAPHS, min_size=1, max_size=12), min_size=1
)


def write(source: Path, files: dict[str, list[str]]) -> None:
    for old in source.rglob("*.*"):
        old.unlink()
    for name, paragraphs in files.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text("\n\n".join(paragraphs))


def remake(source: Path, folder: Path, size: int | None = SIZE, keep_changed: bool = False) -> Revision:
    return make_corpus(source, folder, size, False, keep_changed).revision


def texts(folder: Path) -> dict[str, str]:
    documents = map(json.loads, (folder / "corpus.jsonl").read_text().split("\n")[:-1])
    return {document["_id"]: " ".join(document["text"].split()) for document in documents}


def judge(folder: Path, ids: Sequence[str]) -> dict[str, str]:
    """A judgment of each of ``ids``: query id → the text that it is given for."""
    known = texts(folder)
    rows = [f"q{i}\t{id_}\t1\n" for i, id_ in enumerate(ids)]
    (folder / "qrels" / "test.tsv").write_text("".join([f"{QRELS_HEADER}\n", *rows]))
    return {f"q{i}": known[id_] for i, id_ in enumerate(ids)}


def judged(folder: Path) -> dict[str, str]:
    rows = [line.split("\t") for line in (folder / "qrels" / "test.tsv").read_text().split("\n")[1:-1]]
    return {query: document for query, document, _ in rows}


def aside(folder: Path) -> list[list[str]]:
    file = folder / FOLDER / "test.tsv"
    return [line.split("\t") for line in file.read_text().split("\n")[1:-1]] if file.exists() else []


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, list[str]]]:
    """A folder's files and what becomes of them: parts inserted, removed, edited, moved, brought back."""
    states = [draw(FILES)]
    for _ in range(draw(st.integers(1, 4))):
        files = {name: list(paragraphs) for name, paragraphs in draw(st.sampled_from(states)).items()}
        name = draw(st.sampled_from(sorted(files)))
        at = draw(st.integers(0, len(files[name]) - 1))
        match draw(st.sampled_from(["insert", "remove", "edit", "file", "rename", "drop"])):
            case "insert":
                files[name].insert(at, draw(PARAGRAPHS))
            case "remove" if len(files[name]) > 1:
                del files[name][at]
            case "edit":
                files[name][at] = draw(PARAGRAPHS)
            case "file":
                files["new.md"] = draw(st.lists(PARAGRAPHS, min_size=1, max_size=8))
            case "rename":
                files["renamed.txt"] = files.pop(name)
            case "drop" if len(files) > 1:
                del files[name]
        states.append(files)
    return states


@settings(deadline=None, max_examples=60)
@given(history=histories(), size=st.sampled_from([None, SIZE, 200]))
def test_a_judgment_never_points_at_a_text_other_than_the_one_it_was_given_for(
    history: list[dict[str, list[str]]], size: int | None
) -> None:
    with TemporaryDirectory() as place:
        source, folder = Path(place, "source"), Path(place, "made")
        source.mkdir()
        write(source, history[0])
        remake(source, folder, size)
        given_for = judge(folder, list(texts(folder)))
        for files in history[1:]:
            write(source, files)
            before = judged(folder)
            revision = remake(source, folder, size)
            now, kept = texts(folder), judged(folder)
            assert {query: now[document] for query, document in kept.items()} == {q: given_for[q] for q in kept}
            assert kept.keys() | {row[0] for row in aside(folder)} == given_for.keys()  # none is lost
            assert {query for query, _, _ in revision.set_aside} == before.keys() - kept.keys()  # and each is told
            assert {query for query, _ in revision.back} == kept.keys() - before.keys()
            moved = {query for query in before.keys() & kept.keys() if before[query] != kept[query]}
            assert {query for query, _, _ in revision.followed} == moved


@settings(deadline=None, max_examples=60)
@given(paragraphs=st.lists(st.text("abc de.", min_size=30, max_size=80), min_size=1, max_size=30), data=st.data())
def test_chunks_hold_all_of_a_text_and_ids_are_of_one_text_each(paragraphs: list[str], data: st.DataObject) -> None:
    text = "\n\n".join(paragraphs)
    size = data.draw(st.sampled_from([20, 60, 300]))
    parts = chunks(text, size, is_markdown=False)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert max(map(len, parts)) <= max(size, len(text) if len(parts) == 1 else 0)
    assert len(set(ids_of("a.txt", parts))) == len(parts)


def test_what_is_inserted_changes_ids_nearby_alone() -> None:
    sentence = "Sentence {0} of the manual says that valve {0} is greased every {0} days, and by whom.".format
    paragraphs = [" ".join(sentence(i * 7 + j) for j in range(5)) for i in range(300)]

    def ids(paragraphs: list[str]) -> set[str]:
        parts = chunks("\n\n".join(paragraphs), 1_000, is_markdown=False)
        return set(ids_of("a.txt", parts))

    before = ids(paragraphs)
    for at in (0, 10, 150, 299):
        after = ids([*paragraphs[:at], "Something new, which nobody has read before.", *paragraphs[at:]])
        assert len(before) > 100
        assert len(before - after) < 12


def test_texts_whose_ids_would_meet_have_longer_ones_and_repeated_texts_are_numbered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(file_chunks, "DIGITS", (0, 2, 64))
    assert len(set(ids_of("a", ["one two x", "one two x!", "one two x?"]))) == 3
    first, other, again = ids_of("a", ["same", "other", "same"])
    assert again == f"{first}.2"
    assert ids_of("a", ["other", "same"]) == [other, first]
    assert ids_of("a", ["only"]) == ["a"]


def test_ids_are_readable_and_line_breaks_do_not_matter() -> None:
    (id_, _) = ids_of("guide/pump.md", ["# Fill it: with *water* first, then prime", "x"])
    (same, _) = ids_of("guide/pump.md", ["# Fill it: with\n*water* first,  then prime\n", "x"])
    assert id_.startswith("guide/pump.md#fill-it-with-water-first-")
    assert id_ == same
    assert len(id_) == len("guide/pump.md#fill-it-with-water-first-") + 8


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    write(tmp_path / "docs", {"pump.txt": ["Fill it first."], "valve.txt": ["Use paste."], "oil.txt": ["Oil it."]})
    return tmp_path / "docs"


def test_changed_and_vanished_texts_are_told_and_come_back_with_their_texts(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "made"
    call = ["new-corpus", str(source), f"output_dir={folder}"]
    assert main(call) == 0
    judge(folder, ["oil.txt", "pump.txt", "valve.txt"])
    (source / "pump.txt").write_text("Fill it last.")
    (source / "valve.txt").unlink()
    capsys.readouterr()
    assert main(call) == 0
    assert (
        f"evalkit: 2 judgments set aside: the text changed or is gone ({folder}/set-aside/test.tsv)\n"
        "         q1: pump.txt (changed)\n"
        "         q2: valve.txt (gone)\n"
    ) in capsys.readouterr().err
    assert judged(folder) == {"q0": "oil.txt"}
    assert [(*row[:4], row[5]) for row in aside(folder)] == [
        ("q1", "pump.txt", "1", "changed", "Fill it first."),
        ("q2", "valve.txt", "1", "gone", "Use paste."),
    ]
    write(source, {"pump.txt": ["Fill  it\nfirst."], "oil.txt": ["Oil it."], "new/valve.txt": ["Use paste."]})
    assert main(call) == 0
    assert "evalkit: 1 judgment back with the text\n         q1: pump.txt\n" in capsys.readouterr().err
    assert judged(folder) == {"q0": "oil.txt", "q1": "pump.txt"}
    assert [row[0] for row in aside(folder)] == ["q2"]


def test_a_judgment_follows_its_text_to_a_renamed_file(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    remake(source, folder)
    judge(folder, ["pump.txt"])
    (source / "pump.txt").rename(source / "1.txt")
    assert remake(source, folder).followed == [("q0", "pump.txt", "1.txt")]
    assert judged(folder) == {"q0": "1.txt"}


def test_judgments_of_changed_files_may_stay_and_are_told(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    remake(source, folder)
    judge(folder, ["pump.txt", "valve.txt"])
    (source / "pump.txt").write_text("Fill it last.")
    (source / "valve.txt").unlink()
    revision = remake(source, folder, keep_changed=True)
    assert revision.stayed == [("q0", "pump.txt")]
    assert revision.set_aside == [("q1", "valve.txt", "gone")]
    assert judged(folder) == {"q0": "pump.txt"}


def test_numbered_ids_of_before_follow_their_texts_or_are_set_aside(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    (source / "long.txt").write_text("\n\n".join(f"Paragraph {i} about pumps, and a bit more." for i in range(8)))
    remake(source, folder)
    numbered = [text for id_, text in texts(folder).items() if id_.startswith("long.txt#")]
    old = [*numbered, "What no chunk says today."]
    rows = [json.dumps({"_id": f"long.txt#{i}", "title": "long", "text": text}) for i, text in enumerate(old, 1)]
    (folder / "corpus.jsonl").write_text("".join(f"{row}\n" for row in rows))
    given_for = judge(folder, [f"long.txt#{i}" for i in range(1, len(old) + 1)])
    revision = remake(source, folder)
    assert len(revision.followed) == len(numbered)
    assert revision.set_aside == [(f"q{len(numbered)}", f"long.txt#{len(old)}", "gone")]
    now = texts(folder)
    assert {query: now[id_] for query, id_ in judged(folder).items()} == dict(list(given_for.items())[:-1])


def test_judgments_in_other_forms_and_splits_are_set_aside_and_the_rest_stays_byte_by_byte(
    source: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "made"
    remake(source, folder)
    (folder / "qrels" / "dev.tsv").write_bytes(b"q1 0 pump.txt 1\r\nq1 0 valve.txt 2\r\n# said by Ana\r\n")
    (folder / "qrels" / "test.tsv").write_text(f'{QRELS_HEADER}\nq1\tunknown\t1\nq1\t"oil.txt"\t1\n')
    (source / "valve.txt").write_text("Use grease.")
    remake(source, folder)
    assert (folder / "qrels" / "dev.tsv").read_bytes() == b"q1 0 pump.txt 1\r\n# said by Ana\r\n"
    assert (folder / "qrels" / "test.tsv").read_text() == f'{QRELS_HEADER}\nq1\tunknown\t1\nq1\t"oil.txt"\t1\n'
    assert (folder / FOLDER / "dev.tsv").read_text().split("\n")[1].startswith("q1\tvalve.txt\t2\tchanged\t")


def test_a_call_that_is_killed_loses_no_judgment_and_the_next_one_does_the_rest(tmp_path: Path) -> None:
    step, ends = 1, set()
    while True:
        folder, docs = tmp_path / f"made-{step}", tmp_path / f"docs-{step}"
        docs.mkdir()
        write(docs, {"pump.txt": ["Fill it first."], "valve.txt": ["Use paste."], "oil.txt": ["Oil it."]})
        remake(docs, folder)
        judge(folder, ["oil.txt", "pump.txt", "valve.txt"])
        (docs / "pump.txt").write_text("Fill it last.")
        remake(docs, folder)
        write(docs, {"pump.txt": ["Fill it first."], "valve.txt": ["Use grease."], "new.txt": ["Oil it."]})
        is_killed = is_killed_at(step, partial(make_corpus, docs, folder, None, False), SOURCES)
        assert set(judged(folder)) | {row[0] for row in aside(folder)} == {"q0", "q1", "q2"}
        ends.add(tuple(judged(folder)))
        remake(docs, folder)
        assert judged(folder) == {"q0": "new.txt", "q1": "pump.txt"}
        assert [row[0] for row in aside(folder)] == ["q2"]
        if not is_killed:
            break
        step += 7
    assert len(ends) > 1
