"""Made duplicates: a text as it comes back from other hands, edited a little, in another order or case, or framed."""

import re
from collections.abc import Callable, Mapping

import numpy as np

WORDS_PER_EDIT = 10
SENTENCE_ENDS = re.compile(r"(?<=[.!?。！？])\s*(?=\S)|\n+")
BEFORE = (
    "Home | Products | Support | Contact",
    "This page was last updated automatically. Please do not reply.",
    "CONFIDENTIAL. For internal use only.",
)
AFTER = (
    "Was this helpful? Yes / No",
    "© All rights reserved. Terms of use apply.",
    "Sent from the knowledge base. To unsubscribe, click here.",
)

Edit = Callable[[str, np.random.Generator], str]


def light_edits(text: str, generator: np.random.Generator) -> str:
    """One word in ten dropped, swapped with the next, or with two letters swapped."""
    words = text.split(" ")
    for _ in range(max(1, len(words) // WORDS_PER_EDIT)):
        row, change = int(generator.integers(len(words))), int(generator.integers(3))
        if change == 0 and len(words) > 1:
            del words[row]
        elif change == 1 and row + 1 < len(words):
            words[row : row + 2] = words[row + 1], words[row]
        elif len(words[row]) > 1:
            letter = int(generator.integers(len(words[row]) - 1))
            word = words[row]
            words[row] = word[:letter] + word[letter + 1] + word[letter] + word[letter + 2 :]
    return " ".join(words)


def reordered_sentences(text: str, generator: np.random.Generator) -> str:
    sentences = [sentence.strip() for sentence in SENTENCE_ENDS.split(text) if sentence.strip()]
    generator.shuffle(sentences)
    return " ".join(sentences)


def case_and_space(text: str, generator: np.random.Generator) -> str:
    """All letters of one case, and spaces and line ends doubled or made one."""
    others = [cased for cased in (text.upper(), text.lower()) if cased != text]
    cased = others[int(generator.integers(len(others)))] if others else text
    gap = ("  ", "\n", " ")[int(generator.integers(3))]
    return gap.join(cased.split())


def boilerplate(text: str, generator: np.random.Generator) -> str:
    before, after = (frames[int(generator.integers(len(frames)))] for frames in (BEFORE, AFTER))
    return f"{before}\n{text}\n{after}"


EDITS: Mapping[str, tuple[Edit, str]] = {  # kind → what makes it, what is said of it
    "light_edits": (light_edits, "words dropped, swapped or misspelt"),
    "reordered_sentences": (reordered_sentences, "the sentences in another order"),
    "case_and_space": (case_and_space, "another case and other spaces"),
    "boilerplate": (boilerplate, "boilerplate before and after"),
}


def made_duplicate(text: str, kind: str, generator: np.random.Generator) -> tuple[str, str]:
    """(kind, text) of a copy by the ``kind`` of edit, or by boilerplate where that leaves the words as they are."""
    edited = EDITS[kind][0](text, generator)
    if edited.split() in ([], text.split()):
        return "boilerplate", boilerplate(text, generator)
    return kind, edited
