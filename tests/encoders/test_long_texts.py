"""A long text in parts comes to the tokens of the whole, for every kind of tokenizer and of text."""

import random
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from evalkit.encoders.long_texts import GROUP_CHARACTERS, beginning, groups, tokens_by_part

WORDS = "memory is bounded, by the setting and no longest text holds ünïcode 日本語 42 \n\n …".split(" ")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
CHARACTERS = 24_000
UNKNOWN = "[UNK]"
seeded: Callable[[int], random.Random] = random.Random


@cache
def tokenizer(kind: str) -> Any:
    """A tokenizer of 400 words or pieces, which learned them from ``WORDS`` and from letters."""
    generator = seeded(0)
    lines = [prose(generator, 500) for _ in range(50)] + [letters(generator, 40) for _ in range(50)]
    made, trainer = {
        "wordpiece": (models.WordPiece(unk_token=UNKNOWN), trainers.WordPieceTrainer),
        "byte-level bpe": (models.BPE(), trainers.BpeTrainer),
        "bpe without words": (models.BPE(unk_token=UNKNOWN, fuse_unk=True), trainers.BpeTrainer),
        "unigram": (models.Unigram(), trainers.UnigramTrainer),
    }[kind]
    found = Tokenizer(made)
    if kind == "wordpiece":
        found.normalizer, found.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    elif kind == "byte-level bpe":
        found.pre_tokenizer, found.decoder = pre_tokenizers.ByteLevel(), decoders.ByteLevel()
    elif kind == "unigram":
        found.normalizer, found.pre_tokenizer = normalizers.NFKC(), pre_tokenizers.Metaspace()
    more: dict[str, dict[str, Any]] = {
        "unigram": {"unk_token": UNKNOWN},
        "byte-level bpe": {"initial_alphabet": pre_tokenizers.ByteLevel.alphabet()},
    }
    if kind == "bpe without words":
        found.pre_tokenizer = pre_tokenizers.Metaspace()  # to learn from words, and then to do without
    options = {"vocab_size": 400, "special_tokens": [UNKNOWN], "show_progress": False, **more.get(kind, {})}
    found.train_from_iterator(lines, trainer(**options))
    if kind == "bpe without words":
        found.pre_tokenizer = None
        found.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    return found


KINDS = ("wordpiece", "byte-level bpe", "bpe without words", "unigram")


def prose(generator: random.Random, characters: int) -> str:
    return " ".join(generator.choice(WORDS) for _ in range(characters // 5))


def letters(generator: random.Random, characters: int) -> str:
    return "".join(generator.choice(LETTERS) for _ in range(characters))


def han(generator: random.Random, characters: int) -> str:
    return "".join(chr(generator.randrange(0x4E00, 0x9000)) for _ in range(characters))


def mixed(generator: random.Random, characters: int) -> str:
    parts = [generator.choice((prose, letters, han))(generator, generator.randrange(1, 9000)) for _ in range(12)]
    return generator.choice(("", " ", "\n")).join(parts)[:characters]


TEXTS: dict[str, Callable[[random.Random, int], str]] = {
    "prose": prose,
    "one word": letters,
    "Chinese": han,
    "all of them": mixed,
    "one letter": lambda _, characters: "a" * characters,
    "two letters": lambda _, characters: "ab" * (characters // 2),
    "white space": lambda _, characters: " " * characters + "x",
    "joined emoji": lambda _, characters: "👩\u200d👩\u200d👧" * (characters // 5),
}


@pytest.mark.parametrize("kind", KINDS)
@settings(derandomize=True, max_examples=10, deadline=None)
@given(st.sampled_from(sorted(TEXTS)), st.integers(0, 1000), st.integers(3_000, 9_000))
def test_parts_have_the_tokens_of_the_whole(kind: str, name: str, seed: int, part_characters: int) -> None:
    text = TEXTS[name](seeded(seed), CHARACTERS)
    expected = tokenizer(kind).encode(text, add_special_tokens=False)
    parts = list(tokens_by_part(text, tokenizer(kind), part_characters))
    assert np.concatenate([part.ids for part in parts]).tolist() == expected.ids
    assert np.concatenate([part.offsets for part in parts]).tolist() == [list(span) for span in expected.offsets]


@pytest.mark.parametrize("kind", KINDS)
def test_usual_texts_come_in_several_parts(kind: str) -> None:
    assert len(list(tokens_by_part(prose(seeded(1), CHARACTERS), tokenizer(kind), 6_000))) > 3


@pytest.mark.parametrize("kind", KINDS)
@settings(derandomize=True, max_examples=10, deadline=None)
@given(st.sampled_from(sorted(TEXTS)), st.integers(0, 1000), st.integers(1, 500))
def test_a_beginning_shows_the_first_tokens_of_the_whole(kind: str, name: str, seed: int, limit: int) -> None:
    text = TEXTS[name](seeded(seed), CHARACTERS)

    def ids(some: str) -> list[int]:
        return tokenizer(kind).encode(some, add_special_tokens=False).ids

    cut = beginning(text, limit, lambda some: len(ids(some)))
    assert text.startswith(cut)
    assert ids(cut)[:limit] == ids(text)[:limit]
    assert (len(ids(cut)) > limit) == (len(ids(text)) > limit)


def test_a_beginning_is_little_of_a_long_text_and_all_of_a_usual_one() -> None:
    text = prose(seeded(2), 200_000)
    count = lambda some: len(tokenizer("wordpiece").encode(some).ids)  # noqa: E731
    assert len(beginning(text, 256, count)) < 50_000
    assert beginning(text[:3000], 256, count) == text[:3000]
    assert beginning(text, None, count) == text


@given(st.lists(st.integers(0, 2 * GROUP_CHARACTERS), max_size=8))
def test_groups_keep_every_text_in_order_and_are_small(sizes: list[int]) -> None:
    texts = ["x" * size for size in sizes]
    made = list(groups(texts))
    assert [text for group in made for text in group] == texts
    assert all(len(group) == 1 or sum(map(len, group)) <= GROUP_CHARACTERS for group in made)
