"""Whatever bytes stand in a corpus's files, it is read into clean text or refused in a line: never a traceback."""

import random
import shutil
from pathlib import Path

import pandas as pd
import pytest

from evalkit.corpora import load_corpus
from evalkit.errors import UserError

JUNK = (
    *(b"\0", b"\xff", b"\xef\xbb\xbf", b'"', b"\t", b",", b"\n", b"\r", b"#", b"[", b'{"a":', b"\x1f\x8b"),
    *(b"NaN", b"null", b"true", b"[1]", b"{}", b"-1", b"1e999", b"99999999999999999999", b"\\ud83d", "\u2028".encode()),
)
MUTATIONS = 60


def spoil(content: bytes, chance: random.Random) -> bytes:
    """``content`` with a byte changed, some taken out, junk put in, its end cut off, or some of it twice."""
    at = chance.randrange(len(content) + 1)
    return chance.choice(
        (
            content[:at] + bytes([chance.randrange(256)]) + content[at + 1 :],
            content[:at] + content[at + chance.randrange(1, 40) :],
            content[:at] + chance.choice(JUNK) + content[at:],
            content[:at],
            content[:at] + content[max(0, at - 60) :],
        )
    )


def tables(colours: Path, folder: Path, suffix: str) -> dict[str, object]:
    files = {"documents": "corpus.jsonl", "queries": "queries.jsonl", "qrels": "qrels/test.tsv"}
    for side, name in files.items():
        file = colours / name
        frame = pd.read_csv(file, sep="\t") if side == "qrels" else pd.read_json(file, lines=True, dtype=str)
        (frame.to_csv if suffix == "csv" else frame.to_parquet)(folder / f"{side}.{suffix}", index=False)
    return {"source": "table", **{side: str(folder / f"{side}.{suffix}") for side in files}}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("layout", ["beir", "csv", "parquet"])
def test_spoilt_files_are_read_clean_or_refused(colours: Path, tmp_path: Path, layout: str, seed: int) -> None:
    chance = random.Random(f"{layout} {seed}")  # noqa: S311
    sound, spoilt = tmp_path / "sound", tmp_path / "spoilt"
    sound.mkdir()
    settings = {"source": "beir", "path": str(spoilt)} if layout == "beir" else tables(colours, sound, layout)
    if layout == "beir":
        shutil.copytree(colours, sound, dirs_exist_ok=True)
    settings = {key: str(value).replace(str(sound), str(spoilt)) for key, value in settings.items()}
    refused = []
    for _ in range(MUTATIONS):
        shutil.rmtree(spoilt, ignore_errors=True)
        shutil.copytree(sound, spoilt)
        file = chance.choice(sorted(path for path in spoilt.rglob("*") if path.is_file()))
        content = file.read_bytes()
        for _ in range(chance.choice((1, 1, 3, 10))):
            content = spoil(content, chance)
        file.write_bytes(content)
        try:
            corpus = load_corpus("own", settings)
        except UserError as error:
            refused.append(str(error))
        else:
            texts = (*corpus.documents.ids, *corpus.documents.texts, *corpus.queries.ids, *corpus.queries.texts)
            assert all(text.strip() and text.encode() for text in texts)
    assert 0 < len(refused) < MUTATIONS
    assert max(map(len, refused)) < 600
