"""Long documents in parts: what is encoded of each, in the model's own tokens. What is ranked stays the document."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from evalkit.arrays import Rows
from evalkit.config import ChunkingConfig
from evalkit.corpora import Texts
from evalkit.corpora.corpus import as_list_if_few
from evalkit.corpora.ids import Ids
from evalkit.corpora.texts import TextFile
from evalkit.encoders import Encoder
from evalkit.encoders.capabilities import max_length, tokenizer_of
from evalkit.encoders.long_texts import Tokens, groups, tokens_by_part
from evalkit.errors import UserError, did_you_mean, require

WHOLE = "none"

Split = Callable[[str, Tokens], Sequence[str]]


@dataclass(frozen=True)
class Chunks:
    """``texts`` to encode, and for each the row of its ``document``; null where every document is one chunk.

    ``name`` is what results call the way they were made.
    """

    name: str
    texts: Texts
    document: Rows | None
    per_document: float


def chunks_of(documents: Texts, encoder: Encoder, config: ChunkingConfig) -> Chunks:
    """``documents`` split as ``config`` says by the tokenizer of ``encoder``; one that fits stays as it is.

    Raises UserError for a size that the model does not read, and where the model has no tokenizer or no limit.
    """
    if config.kind not in SPLITTERS:
        raise UserError(f"chunking.kind={config.kind} is unknown.", did_you_mean(config.kind, SPLITTERS))
    make_splitter = SPLITTERS[config.kind]
    if make_splitter is None:
        return whole(documents)
    config = replace(config, size=fitting_size(encoder, config))
    if config.overlap >= (config.size or 0):
        raise UserError(
            f"chunking.overlap={config.overlap} leaves nothing new in chunks of {config.size} tokens.",
            f"Give less than {config.size}.",
        )
    counts = array("q")
    tokenizer = tokenizer_of(encoder)
    split = make_splitter(tokenizer, config)
    texts = TextFile(split_all(documents, tokenizer, config.size or 0, split, counts))
    ids = as_list_if_few(Ids(ids_of_chunks(documents.ids, counts)))
    document = np.repeat(np.arange(len(documents)), counts)
    return Chunks(name_of(config), Texts(ids, texts), document, len(ids) / len(documents))


def ids_of_chunks(documents: Iterable[str], counts: Iterable[int]) -> Iterator[str]:
    """``d#1``, ``d#2`` of a document that is in several chunks, ``d`` of one that is whole."""
    for id_, count in zip(documents, counts, strict=True):
        yield from [id_] if count == 1 else (f"{id_}#{number}" for number in range(1, count + 1))


def whole(documents: Texts) -> Chunks:
    """Every document as one chunk."""
    return Chunks(WHOLE, documents, None, 1.0)


def fitting_size(encoder: Encoder, config: ChunkingConfig) -> int:
    """Tokens of text in a chunk: what is asked for, or as many as the model reads beside prompt and special tokens."""
    limit, name = max_length(encoder), encoder.config.name
    if limit is None:
        if config.size is None:
            raise UserError(f"{name} reads texts of any length.", "Say how long chunks are: chunking.size=<tokens>.")
        return config.size
    tokenizer = tokenizer_of(encoder)
    prompt = len(tokenizer.encode(encoder.config.prompts.document, add_special_tokens=False).ids)
    room = limit - tokenizer.num_special_tokens_to_add(False) - prompt
    if (config.size or 1) > room:
        raise UserError(
            f"chunking.size={config.size} is more than {name} reads: {limit:,} tokens, {limit - room} of them its own.",
            f"Give at most {room:,}." if room > 0 else "",
        )
    return config.size or room


def name_of(config: ChunkingConfig) -> str:
    top = "" if config.top_chunks == 1 else f", top_chunks={config.top_chunks}"
    return f"{config.kind}(size={config.size}, overlap={config.overlap}{top})"


def split_all(documents: Texts, tokenizer: Any, size: int, split: Split, counts: "array[int]") -> Iterator[str]:
    """The chunks of all documents in order; ``counts`` is told how many each of them has."""
    for texts in groups(iter(documents.texts)):
        for text, tokens in zip(texts, tokens_of(texts, tokenizer), strict=True):
            parts = [text] if len(tokens) <= size else split(text, tokens)
            counts.append(len(parts))
            yield from parts


def tokens_of(texts: list[str], tokenizer: Any) -> Iterator[Tokens]:
    """The tokens of each of a group of ``texts``; one that is a group by itself may be long, and is read in parts."""
    if len(texts) == 1:
        parts = list(tokens_by_part(texts[0], tokenizer))
        yield Tokens(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("ids", "offsets")))
        return
    for encoding in tokenizer.encode_batch(texts, add_special_tokens=False):
        yield Tokens.of(encoding)


def by_tokens(tokenizer: Any, config: ChunkingConfig) -> Split:
    """Windows of ``size`` tokens, of fewer where a part has more tokens by itself than it had within the text."""
    size = config.size or 1

    def split(text: str, tokens: Tokens) -> list[str]:
        offsets = tokens.offsets
        around = (text[max(start - 1, 0) : start + 1] for start in offsets[:, 0])  # some tokens begin with their space
        starts_word = np.array([len(two) < 2 or two[0].isspace() or two[1].isspace() for two in around])
        reach = size
        while True:
            spans = windows(starts_word, reach, min(config.overlap, reach - 1))
            cut = (text[offsets[first, 0] : offsets[end - 1, 1]].strip() for first, end in spans)
            parts = [part for part in cut if part] or [text.strip()]
            grouped = (tokenizer.encode_batch(group, add_special_tokens=False) for group in groups(parts))
            longest = max(len(encoded) for group in grouped for encoded in group)
            if longest <= size or reach == 1:
                return parts
            reach = max(1, reach - (longest - size))

    return split


def windows(starts_word: npt.NDArray[np.bool_], size: int, overlap: int) -> Iterator[tuple[int, int]]:
    """(first, end) of windows over tokens, of at most ``size`` and with at most ``overlap`` in common.

    They begin and end between words (``starts_word`` marks a word's first token), but for a word of more than a window.
    """
    starts = np.append(np.flatnonzero(starts_word), len(starts_word))
    first = end = 0
    while end < len(starts_word):
        reach = min(first + size, len(starts_word))
        fitting = starts[np.searchsorted(starts, reach, side="right") - 1]
        end = int(fitting) if fitting > end else reach
        yield first, end
        first = min(end, int(starts[np.searchsorted(starts, max(end - overlap, first + 1))]))


def by_sentences(tokenizer: Any, config: ChunkingConfig) -> Split:
    require("semantic_text_splitter", "chunking", "chunking=sentences")
    from semantic_text_splitter import TextSplitter

    splitter = TextSplitter.from_huggingface_tokenizer(tokenizer, config.size, config.overlap)
    return lambda text, tokens: splitter.chunks(text)


SPLITTERS: dict[str, Callable[[Any, ChunkingConfig], Split] | None] = {
    WHOLE: None,
    "tokens": by_tokens,
    "sentences": by_sentences,
}
