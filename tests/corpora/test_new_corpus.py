"""A corpus made of a folder of files: stable ids, text as a reader sees it, questions kept, and it runs."""

import json
import os
from functools import partial
from pathlib import Path

import pytest

from evalkit.__main__ import main
from evalkit.corpora import load_corpus, new_corpus
from evalkit.system import files as whole_files
from tests.killed import is_killed_at

pytest.importorskip("bs4")
pytest.importorskip("semantic_text_splitter")
MARKDOWN = "# Pumps\n\nHow a pump works.\n\n```\n# no heading\n```\n\n## Priming a pump\n\nFill it with water first.\n"
HTML = """<!doctype html><html><head><title>Valves &amp; seats</title><style>p {color: red}</style></head>
<body><h1>Valves</h1><p>A valve <b>closes</b> a pipe.</p><script>alert("no")</script>
<h2>Grinding in</h2><p>Use paste.</p>"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "manuals"
    (folder / "sub dir").mkdir(parents=True)
    (folder / "pump.md").write_text(MARKDOWN)
    (folder / "sub dir" / "valve.HTML").write_text(HTML)
    (folder / "notes.txt").write_text("  Grease the bearing every year. ü\n")
    (folder / ".hidden.txt").write_text("secret")
    (folder / "picture.png").write_bytes(b"\x89PNG")
    return folder


def documents(folder: Path) -> dict[str, dict[str, str]]:
    return {d["_id"]: d for d in map(json.loads, (folder / "corpus.jsonl").read_text().splitlines())}


def make(files: Path, tmp_path: Path, *arguments: str) -> Path:
    assert main(["new-corpus", str(files), f"output_dir={tmp_path / 'made'}", *arguments]) == 0
    return tmp_path / "made"


def test_documents_are_what_a_reader_sees(files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = documents(make(files, tmp_path))
    assert list(found) == ["notes.txt", "pump.md", "sub dir/valve.HTML"]
    assert found["notes.txt"] == {"_id": "notes.txt", "title": "notes", "text": "Grease the bearing every year. ü"}
    assert found["pump.md"]["title"] == "Pumps"
    valve = found["sub dir/valve.HTML"]
    assert valve["title"] == "Valves & seats"
    assert "closes" in valve["text"]
    assert "alert" not in valve["text"]
    assert "color" not in valve["text"]
    captured = capsys.readouterr()
    assert captured.out == f"{tmp_path / 'made'}\n"
    assert "3 files, 3 documents, 0 questions" in captured.err
    assert "queries.jsonl" in captured.err


def test_questions_that_were_filled_in_stay_and_documents_are_renewed(files: Path, tmp_path: Path) -> None:
    folder = make(files, tmp_path)
    (folder / "queries.jsonl").write_text('{"_id": "q1", "text": "how often to grease?"}\n')
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\tnotes.txt\t1\nq1\tnew.txt\t1\n")
    (files / "new.txt").write_text("A new page.")
    (files / "notes.txt").unlink()
    make(files, tmp_path, "headings=true")
    assert "new.txt" in documents(folder)
    corpus = load_corpus("beir", {"source": "beir", "path": str(folder)})
    assert corpus.queries.ids == ["q1"]
    assert corpus.qrels == {"q1": {"new.txt": 1}}
    assert "q1\tnotes.txt\t1\tgone\t" in (folder / "set-aside" / "test.tsv").read_text()


def test_headings_become_known_items_that_are_marked(files: Path, tmp_path: Path) -> None:
    folder = make(files, tmp_path, "headings=true")
    corpus = load_corpus("beir", {"source": "beir", "path": str(folder)})
    asked = dict(zip(corpus.queries.ids, corpus.queries.texts, strict=True))
    assert asked == {
        "heading:pump.md:1": "Pumps",
        "heading:pump.md:2": "Priming a pump",
        "heading:sub dir/valve.HTML:1": "Valves",
        "heading:sub dir/valve.HTML:2": "Grinding in",
    }
    assert corpus.qrels["heading:pump.md:2"] == {"pump.md": 1}
    assert "known_items" in {finding.check for finding in corpus.findings}


def test_chunks_hold_all_of_a_document_in_order_and_carry_their_own_headings(files: Path, tmp_path: Path) -> None:
    (files / "long.txt").write_text(" ".join(f"Sentence number {i} is here." for i in range(100)))
    folder = make(files, tmp_path, "chunk_characters=120", "headings=true")
    found = documents(folder)
    parts = [d["text"] for i, d in found.items() if i.startswith("long.txt#")]
    assert next(iter(found)).startswith("long.txt#sentence-number-0-is-here-")
    assert max(map(len, parts)) <= 120
    assert " ".join(parts).split() == (files / "long.txt").read_text().split()
    assert found == documents(make(files, tmp_path, "chunk_characters=120"))  # the same ids every time
    corpus = load_corpus("beir", {"source": "beir", "path": str(folder)})
    for query, grades in corpus.qrels.items():
        (document,) = grades
        assert dict(zip(corpus.queries.ids, corpus.queries.texts, strict=True))[query] in found[document]["text"]


def test_a_made_corpus_runs(files: Path, tmp_path: Path) -> None:
    pytest.importorskip("bm25s")
    folder = make(files, tmp_path, "headings=true")
    places = [f"corpus.beir.path={folder}", f"results_dir={tmp_path / 'results'}", "top_k=3", "measures=[RR@3]"]
    assert main(["model=bm25", "corpus=beir", "at_workload_seconds=0", *places]) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "takes one folder"),
        (["a", "b"], "takes one folder"),
        (["/nowhere"], "is no folder"),
        (["{empty}"], "holds no .txt"),
        (["{empty}", "chunk_characters=0"], "from 1 to"),
        (["{empty}", "chunk=5"], "chunk_characters"),
    ],
)
def test_a_mistake_writes_nothing(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    assert main(["new-corpus", *(a.format(empty=tmp_path / "empty") for a in arguments)]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_what_a_killed_call_left_undone_the_next_one_does(files: Path, tmp_path: Path) -> None:
    whole = contents(make(files, tmp_path, "headings=true"))
    step, left = 1, set()
    sources = {new_corpus.__file__, whole_files.__file__}
    while True:
        folder = tmp_path / f"killed-{step}"
        if not is_killed_at(step, partial(new_corpus.make_corpus, files, folder, None, True), sources):
            break
        left.add(frozenset(contents(folder)))
        assert main(["new-corpus", str(files), f"output_dir={folder}", "headings=true"]) == 0
        assert contents(folder) == whole
        step += 23
    assert {frozenset({"corpus.jsonl"}), frozenset({"corpus.jsonl", "queries.jsonl"})} <= left


def contents(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("kept", ["queries.jsonl", "qrels/test.tsv"])
def test_of_questions_and_judgments_only_what_is_missing_is_written(kept: str, files: Path, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    (folder / "qrels").mkdir(parents=True)
    written = {
        "queries.jsonl": '{"_id": "q1", "text": "how often to grease?"}\n',
        "qrels/test.tsv": "query-id\tcorpus-id\tscore\nq1\tnotes.txt\t1\n",
    }[kept]
    (folder / kept).write_text(written)
    make(files, tmp_path, "headings=true")
    assert contents(folder).keys() == {"corpus.jsonl", "queries.jsonl", "qrels/test.tsv"}
    assert (folder / kept).read_text() == written
    assert len("".join(contents(folder).values())) < len(written) + len((folder / "corpus.jsonl").read_text()) + 40


def test_links_that_lead_out_and_what_is_no_file_are_not_read_but_counted(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("not to be read")
    before = documents(make(files, tmp_path))
    capsys.readouterr()
    for name, target in {
        **{"out.txt": outside / "secret.txt", "folder": outside, "loop": files, "circle.txt": files / "circle.txt"},
        **{"lost.md": files / "nothing.md", "null.txt": Path("/dev/null"), "data.bin": outside / "secret.txt"},
    }.items():
        (files / name).symlink_to(target)
    os.mkfifo(files / "pipe.txt")
    (files / "again.txt").symlink_to(files / "notes.txt")
    found = documents(make(files, tmp_path))
    assert found == before | {"again.txt": {**before["notes.txt"], "_id": "again.txt", "title": "again"}}
    said = "evalkit: 7 links, pipes or devices were not read: "
    assert f"{said}{files / 'circle.txt'}, {files / 'folder'}, {files / 'loop'}, …\n" in capsys.readouterr().err


def test_files_that_are_not_utf8_are_told_and_other_kinds_refused(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (files / "latin.txt").write_bytes("Größe".encode("latin-1"))
    (files / "marked.txt").write_bytes("Größe".encode("utf-8-sig"))
    found = documents(make(files, tmp_path))
    assert found["latin.txt"]["text"] == "Gr\ufffd\ufffde"
    assert found["marked.txt"]["text"] == "Größe"
    assert "1 of 5 files are not UTF-8; what could not be read became U+FFFD ('latin.txt')" in capsys.readouterr().err
    (files / "wide.txt").write_text("Größe", encoding="utf-16")
    assert main(["new-corpus", str(files), f"output_dir={tmp_path / 'other'}"]) == 2
    assert (
        capsys.readouterr().err == f"evalkit: {files / 'wide.txt'} is written in UTF-16.\n         Save it as UTF-8.\n"
    )
    assert not (tmp_path / "other").exists()
