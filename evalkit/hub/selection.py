"""Which files of a repository a model is made of, and what must be in a cache whose list of files nobody knows."""

import json
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from evalkit.errors import UserError

KINDS = (".json", ".txt", ".model", ".jinja", ".spm", ".tiktoken", ".bpe", ".codes", ".vocab")
OTHER_PROGRAMS = {"onnx", "openvino", "coreml", "original", "runs", "checkpoints", "assets", "imgs", "images", "eval"}
SAFE = re.compile(r"(adapter_)?model(-\d+-of-\d+)?\.safetensors")
PICKLED = re.compile(r"(pytorch|adapter)_model(-\d+-of-\d+)?\.bin")
TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "sentencepiece.bpe.model", "spiece.model", "tokenizer.model")
# Where one of these is missing, a model still loads: with other pooling, lengths or letters than its makers meant.
OPTIONAL = ("modules.json",)
OPTIONAL_OF_TRANSFORMERS = ("sentence_bert_config.json", "tokenizer_config.json")
WITHOUT_CONFIG = {"Normalize", "StaticEmbedding"}
WITHOUT_WEIGHTS = {"Normalize", "Pooling"}
WITHOUT_TOKENIZER = {"Normalize", "Pooling", "Dense"}

IsAbsent = Callable[[str], bool]


@dataclass(frozen=True)
class Need:
    """``select``: the names to have of a repository, by its name and its files; raises UserError where they can't do.

    ``missing``: what a folder lacks or can't be told to have, where only the cache is known; its second argument says
    of a name whether the hub once answered that the repository has no such file.
    """

    select: Callable[[str, Collection[str]], Sequence[str]]
    missing: Callable[[Path, IsAbsent], Sequence[str]]


def model_files(setting: str, allow_pickle: bool, with_code: bool) -> Need:
    """What sentence-transformers and transformers load of a model whose config the command line calls ``setting``.

    Refused where some of its weights can only be unpickled, unless ``allow_pickle``; ``with_code`` takes Python, too.
    """

    def select(model: str, names: Collection[str]) -> list[str]:
        if not allow_pickle:
            refuse_pickles(model, names, setting)
        if not pickles_alone(names) and not any(is_safe(name) for name in names if is_used(name)):
            raise UserError(f"{model} has no weights that PyTorch reads.", "Is it the right one? It needs safetensors.")
        code = [name for name in names if with_code and name.endswith(".py")]
        return sorted({*of_a_model(names), *pickles_alone(names), *code})

    return Need(select, lacking)


def of_a_model(names: Collection[str]) -> list[str]:
    """Configs, tokenizers and safetensors; no weights of other programs, and no second copy of the same."""
    kept = [name for name in names if is_used(name) and (name.endswith(KINDS) or is_safe(name))]
    return sorted(name for name in kept if not is_second_copy(name, names))


def refuse_pickles(model: str, names: Collection[str], setting: str) -> None:
    """Raises UserError where some of the weights among the files ``names`` can only be unpickled."""
    if pickled := pickles_alone(names):
        raise UserError(
            f"{model} has {pickled[0]} and no safetensors: a pickle, which can run code when it is read.",
            f"If you trust its makers: {setting}.allow_pickle=true; or a copy in safetensors: {setting}.path=<folder>.",
        )


def pickles_alone(names: Collection[str]) -> list[str]:
    """The pickled weights that have no safetensors beside them."""
    with_safe = {PurePosixPath(name).parent for name in names if is_safe(name)}
    pickled = [name for name in names if is_used(name) and PICKLED.fullmatch(PurePosixPath(name).name)]
    return sorted(name for name in pickled if PurePosixPath(name).parent not in with_safe)


def is_used(name: str) -> bool:
    parts = PurePosixPath(name).parts
    folders = parts[:-1]
    is_hidden = any(part.startswith(".") for part in parts)
    return not is_hidden and not any(f in OTHER_PROGRAMS or f.startswith("checkpoint-") for f in folders)


def is_safe(name: str) -> bool:
    return SAFE.fullmatch(PurePosixPath(name).name) is not None


def is_second_copy(name: str, names: Collection[str]) -> bool:
    """Whether it is a part, or the index of parts, of weights that lie beside it in one file or in safetensors."""
    path = PurePosixPath(name)
    beside = {PurePosixPath(other).name for other in names if PurePosixPath(other).parent == path.parent}
    if path.name.endswith(".bin.index.json"):
        return any(map(SAFE.fullmatch, beside))
    is_part = "-of-" in path.name or path.name.endswith(".index.json")
    return is_part and "model.safetensors" in beside


def lacking(folder: Path, is_absent: IsAbsent) -> list[str]:
    """What a model's folder lacks by its own modules.json and configs, or may lack: as paths within it."""
    unsure = [name for name in OPTIONAL if not (folder / name).is_file() and not is_absent(name)]
    if unsure:
        return unsure
    modules = folder / "modules.json"
    listed = json.loads(modules.read_text(encoding="utf-8")) if modules.is_file() else [{"path": "", "type": ""}]
    found: list[str] = []
    for module in listed:
        path, kind = PurePosixPath(module["path"]), module["type"].rpartition(".")[2]
        found += lacking_of_module(folder, path, kind, is_absent)
    return found


def lacking_of_module(folder: Path, path: PurePosixPath, kind: str, is_absent: IsAbsent) -> list[str]:
    def is_there(name: str) -> bool:
        return (folder / path / name).is_file()

    found: list[str] = []
    if kind not in WITHOUT_CONFIG and not is_there("config.json"):
        found.append("config.json")
    if kind not in WITHOUT_WEIGHTS and not has_weights(folder / path):
        found.append("model.safetensors")
    if kind not in WITHOUT_TOKENIZER and not any(map(is_there, TOKENIZERS)):
        found.append("tokenizer.json")
    if kind not in WITHOUT_TOKENIZER | {"StaticEmbedding"}:
        unsure = [name for name in OPTIONAL_OF_TRANSFORMERS if not is_there(name)]
        found += [name for name in unsure if not is_absent(str(path / name))]
    return [str(path / name) for name in found]


def has_weights(folder: Path) -> bool:
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        parts = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        return all((folder / part).is_file() for part in parts)
    return any((folder / name).is_file() for name in ("model.safetensors", "pytorch_model.bin"))


def only(*wanted: str) -> Need:
    """These files, of which every one is needed."""

    def select(model: str, names: Collection[str]) -> list[str]:
        if absent := [name for name in wanted if name not in names]:
            raise UserError(f"{model} has no file {absent[0]}.", "Is it the right model, and of this kind?")
        return list(wanted)

    return Need(select, lambda folder, is_absent: [name for name in wanted if not (folder / name).is_file()])


# Code that a config of another repository names: its cache alone never tells whether a file is missing.
CODE = Need(
    lambda model, names: sorted(name for name in names if name.endswith((".py", ".json"))),
    lambda folder, is_absent: [] if any(folder.glob("*.py")) else ["its code"],
)
STATIC_MODEL = only("config.json", "model.safetensors", "tokenizer.json")
