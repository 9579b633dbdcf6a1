"""A model's own tokenizer, by which documents are split: the library's ``Tokenizer``, read from tokenizer.json."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from evalkit.encoders.encoder import is_image
from evalkit.encoders.local.loading import quiet_transformers
from evalkit.encoders.local.weights import file_of
from evalkit.encoders.long_texts import beginning, groups
from evalkit.errors import UserError, require
from evalkit.hub import only, snapshot

TOKENIZER_FILE = "tokenizer.json"
HINT = "Give its own: model.tokenizer=<tokenizer.json, a folder or package that has one, or a name on the hub>."


def named_tokenizer(name: str | None, model: str) -> Any:
    """The tokenizer that ``name`` stands for, of a ``model`` that brings none. Raises UserError where it is nothing."""
    if name is None:
        raise UserError(f"{model} has no tokenizer that is known here.", HINT)
    for package in ("tokenizers", "huggingface_hub"):
        require(package, "chunking", f"model.tokenizer={name}")
    is_of_hub = name.count("/") == 1 and not Path(name).expanduser().exists()
    if is_of_hub:
        return tokenizer_of(snapshot(name, None, only(TOKENIZER_FILE), HINT).folder / TOKENIZER_FILE)
    return tokenizer_of(file_of(name, TOKENIZER_FILE, "model.tokenizer"))


def tokenizer_of(file: Path) -> Any:
    """The tokenizer in ``file``, which reads texts of any length."""
    from tokenizers import Tokenizer

    return unlimited(Tokenizer.from_file(str(file)))


def unlimited(tokenizer: Any) -> Any:
    """A copy of ``tokenizer`` that neither cuts nor pads."""
    from tokenizers import Tokenizer

    copy = Tokenizer.from_str(tokenizer.to_str())
    copy.no_truncation()
    copy.no_padding()
    return copy


def token_counts(tokenizer: Any, texts: Sequence[str]) -> npt.NDArray[np.int64]:
    """Tokens of every text with special tokens, before any truncation (int64)."""
    counts = [length for group in groups(texts) for length in lengths_of(tokenizer, group)]
    return np.array(counts, dtype=np.int64)


def lengths_of(tokenizer: Any, texts: list[str]) -> list[int]:
    if not callable(tokenizer):  # a static model's, which is not one of transformers
        return [len(encoding) for encoding in tokenizer.encode_batch(texts, add_special_tokens=False)]
    with quiet_transformers():
        return [len(ids) for ids in tokenizer(texts, truncation=False, padding=False)["input_ids"]]


def beginnings(texts: Sequence[str], tokenizer: Any, limit: int | None) -> list[str]:
    """``texts``, the long ones cut behind what a model sees that reads ``limit`` tokens; images are left as they are.

    A tokenizer that cuts at the left reads a text's end, and is given all of it.
    """
    if getattr(tokenizer, "truncation_side", "right") != "right":
        return list(texts)

    def count(text: str) -> int:  # sentence-transformers reads no white space around a text
        return int(token_counts(tokenizer, [text.strip()])[0])

    return [text if is_image(text) else beginning(text, limit, count) for text in texts]
