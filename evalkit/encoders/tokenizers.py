"""A model's own tokenizer, by which documents are split: the library's ``Tokenizer``, read from tokenizer.json."""

from pathlib import Path
from typing import Any

from evalkit.encoders.local.weights import file_of
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
