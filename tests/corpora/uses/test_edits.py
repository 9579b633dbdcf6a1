"""What every kind of edit leaves and changes."""

from collections import Counter

import numpy as np
import pytest

from evalkit.corpora.uses.edits import EDITS, made_duplicate

TEXT = "The red House stands by a river. A bird sings there! Is it green?"


@pytest.mark.parametrize("kind", EDITS)
@pytest.mark.parametrize("text", [TEXT, "word", "x", "小さい家。青い鳥。", "no case 1 2 3"])
def test_every_copy_has_other_words_or_another_order(kind: str, text: str) -> None:
    for seed in range(10):
        _, edited = made_duplicate(text, kind, np.random.default_rng(seed))
        assert edited.split() not in ([], text.split())


def copies(kind: str) -> list[str]:
    return [made_duplicate(TEXT, kind, np.random.default_rng(seed))[1] for seed in range(20)]


def test_case_and_space_leave_the_letters() -> None:
    assert {" ".join(copy.lower().split()) for copy in copies("case_and_space")} == {TEXT.lower()}


def test_reordered_sentences_are_the_same_sentences() -> None:
    moved = [copy for copy in copies("reordered_sentences") if TEXT not in copy]
    assert moved
    assert all(Counter(copy.split()) == Counter(TEXT.split()) for copy in moved)


def test_boilerplate_leaves_the_text_whole() -> None:
    assert all(TEXT in copy and not copy.startswith(TEXT) and not copy.endswith(TEXT) for copy in copies("boilerplate"))


def test_light_edits_leave_nine_words_in_ten() -> None:
    for copy in copies("light_edits"):
        kept = Counter(copy.split()) & Counter(TEXT.split())
        assert kept.total() >= len(TEXT.split()) - 2
