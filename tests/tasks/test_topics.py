"""Groups that HDBSCAN finds are named by their most typical texts, where the reader of a point finds them."""

import numpy as np
import pytest

from evalkit.tasks.clustering import TOPICS, topics

ITEMS = [(f"t{row}", f"text {row}\nof a topic") for row in range(200)]


@pytest.fixture
def vectors() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((200, 4)).astype(np.float32)


def test_a_topic_has_its_size_its_most_typical_text_and_ids(vectors: np.ndarray) -> None:
    groups = np.full(200, -1)
    groups[:4], groups[10:13] = 1, 0
    vectors[:4] = [[1, 0, 0, 0], [0.9, 0.1, 0, 0], [0.9, -0.1, 0, 0], [0, 0, 1, 0]]
    named = topics(vectors, groups, ITEMS, with_texts=True)
    assert list(named) == ["topic 1", "topic 2"]
    assert named["topic 1"] == "4 texts, 'text 0\\nof a topic': t0, t1, t2"
    assert named["topic 2"].startswith("3 texts, ")


def test_texts_are_not_kept_where_nobody_wants_them(vectors: np.ndarray) -> None:
    named = topics(vectors, np.zeros(200, dtype=np.int64), ITEMS, with_texts=False)
    assert named["topic 1"].startswith("200 texts, t")
    assert "of a topic" not in named["topic 1"]


def test_the_largest_topics_alone_are_named_and_none_where_nothing_was_grouped(vectors: np.ndarray) -> None:
    assert len(topics(vectors, np.arange(200) // 5, ITEMS, with_texts=True)) == TOPICS
    assert topics(vectors, np.full(200, -1), ITEMS, with_texts=True) == {}
