"""A pass as data: the shards that are missing are all that are not stored, and their texts are read when taken."""

import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.corpora import Texts
from evalkit.corpora.texts import TextFile
from evalkit.embeddings.shards import EncodedShard, missing_shards
from evalkit.encoders import Encoded


@given(texts=st.integers(1, 60), rows_per_shard=st.integers(1, 20), stored=st.sets(st.integers(0, 60)))
def test_missing_and_stored_shards_are_all_rows_once(texts: int, rows_per_shard: int, stored: set[int]) -> None:
    side = Texts([f"d{i}" for i in range(texts)], [f"text {i}" for i in range(texts)])
    missing = missing_shards("document", side, rows_per_shard, stored)
    assert not {shard.index for shard in missing} & stored
    of_missing = [row for shard in missing for row in shard.rows]
    of_stored = [row for row in range(texts) if row // rows_per_shard in stored]
    assert sorted(of_missing + of_stored) == list(range(texts))
    for shard in missing:
        assert [f"d{row}" for row in shard.rows] == list(shard.ids)
        assert [f"text {row}" for row in shard.rows] == list(shard.texts)
        assert {row // rows_per_shard for row in shard.rows} == {shard.index}


class Listening(Sequence[str]):
    """Texts that note which of them were read."""

    def __init__(self) -> None:
        self.read: list[int] = []

    def __len__(self) -> int:
        return 10

    def __getitem__(self, row: int) -> str:  # type: ignore[override]
        self.read.append(row)
        return f"text {row}"


def test_texts_are_read_when_their_shard_is_taken() -> None:
    texts = Listening()
    missing = missing_shards("query", Texts([str(i) for i in range(10)], texts), 4, {0})
    assert (len(missing), len(missing[1:]), texts.read) == (2, 1, [])
    assert missing[1].texts == ("text 8", "text 9")
    assert texts.read == [8, 9]


def test_a_shard_travels_to_another_process_with_its_texts(tmp_path: Path) -> None:
    on_disk = TextFile(["one", "two", "drei"])
    (first, second) = missing_shards("document", Texts(["a", "b", "c"], on_disk), 2, ())
    assert pickle.loads(pickle.dumps(second)) == second  # noqa: S301
    assert (first.texts, second.ids, second.texts) == (("one", "two"), ("c",), ("drei",))


@pytest.mark.parametrize(("cut", "rows"), [(np.array([False, True, True]), [9, 10]), (None, None)])
def test_cut_texts_are_told_by_their_rows_in_the_whole_side(cut: np.ndarray | None, rows: list[int] | None) -> None:
    encoded = Encoded(np.ones((3, 2), np.float32), np.array([3, 4, 5]), cut, 1.5)
    measured = EncodedShard(2, encoded, "here", 7, None).measured(8)
    assert measured == {
        "timing": "here",
        "texts": 3,
        "seconds": 1.5,
        "tokens": 12,
        "truncated_rows": rows,
        "peak_rss_bytes": 7,
        "peak_gpu_bytes": None,
    }
