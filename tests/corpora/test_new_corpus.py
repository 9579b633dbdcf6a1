"""A corpus made of a folder of files: stable ids, text as a reader sees it, questions kept, and it runs."""

import json
from pathlib import Path

import pytest

from evalkit.__main__ import main
from evalkit.corpora import load_corpus

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
    assert [f.check for f in corpus.findings] == ["judgments_of_unknown_documents"]


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
    assert next(iter(found)) == "long.txt#1"
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
    assert main(["model=bm25", "corpus=beir", *places]) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "takes one folder"),
        (["a", "b"], "takes one folder"),
        (["/nowhere"], "is no folder"),
        (["{empty}"], "holds no .txt"),
        (["{empty}", "chunk_characters=0"], "at least 1"),
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
