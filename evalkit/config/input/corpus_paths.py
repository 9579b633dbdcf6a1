"""``corpus=<folder>``: folders in the layout of BEIR as corpora, written out as the settings that say the same.

One folder is ``corpus=beir corpus.beir.path=<folder>``. Of several each has a key of its own, which is the folder's
name where no other corpus is called so: ``+corpus/folder@corpus.<key>=beir corpus.<key>.path=<folder>``.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import chain, count
from pathlib import Path

from evalkit.config.input.files import conf_dir, group_choices
from evalkit.config.input.words import is_there
from evalkit.config.schema.values import MOST_SHOWN
from evalkit.errors import UserError, abridged, did_you_mean

PATH = re.compile(r"\.{1,2}$|~|.*/", re.DOTALL)
TABLE = re.compile(r".+\.(jsonl|ndjson|json|csv|tsv|parquet|xlsx?)(\.\w+)?$", re.IGNORECASE | re.DOTALL)
HOLDS = "Give one with corpus.jsonl, queries.jsonl and qrels/test.tsv."
OF_TABLE = "corpus=table corpus.table.documents={} corpus.table.queries=<file> corpus.table.qrels=<file>"


def with_corpus_paths(words: Sequence[str], folders: Sequence[Path], is_sweep: bool = False) -> list[str]:
    """``words`` (``key=value``) in which each corpus that is a path is written out; ``folders`` are of own configs.

    Raises UserError for a path that leads to no folder, for one that is given twice, and for a sweep over folders and
    names.
    """
    return [written for word in words for written in written_out(word, folders, is_sweep)]


def written_out(word: str, folders: Sequence[Path], is_sweep: bool) -> Sequence[str]:
    key, _, value = word.partition("=")
    if key != "corpus" or not value:
        return [word]
    if is_path(value, folders):
        return one_folder(value)
    is_list = value.startswith("[") and value.endswith("]")
    names = [name.strip(" \t'\"") for name in (value[1:-1] if is_list else value).split(",")]
    paths = [name for name in names if is_path(name, folders)]
    if not paths or not (is_list or is_sweep):
        return [word]
    if not is_list:
        return swept(word, names, paths)
    for path in paths:
        check_folder(path)
    if len(paths) == 1:
        others = [name for name in names if name not in paths]
        return [f"corpus=[{','.join([*others, 'beir'])}]", *one_folder(paths[0])[1:]]
    return several_folders([name for name in names if name not in paths], paths, group_choices("corpus", folders))


def is_path(name: str, folders: Sequence[Path]) -> bool:
    """Whether a corpus called ``name`` is a path: no config is called so, and it looks like one, or is there."""
    files = [folder / "corpus" / f"{name}.yaml" for folder in (*folders, conf_dir())]
    is_config = name[:1] not in ("", ".", "~", "/") and any(is_there(str(file)) for file in files)
    is_several = name.startswith("[") or ("," in name and not is_there(name))
    looks_like_one = bool(PATH.match(name) or TABLE.match(name))
    return bool(name) and not is_config and not is_several and (looks_like_one or is_there(name))


def one_folder(path: str) -> list[str]:
    check_folder(path)
    return ["corpus=beir", f"corpus.beir.path={path}"]


def swept(word: str, names: Sequence[str], paths: Sequence[str]) -> list[str]:
    """A sweep over ``paths``. Raises UserError where other ``names`` are among them."""
    if others := [name for name in names if name not in paths]:
        hint = f"Write 'corpus=[{','.join(names)}]' for one run with all, or sweep over the folders alone."
        shown = abridged(word, MOST_SHOWN)
        raise UserError(f"'{shown}' sweeps over folders and over '{others[0]}', which is none.", hint)
    for path in paths:
        check_folder(path)
    return ["corpus=beir", f"corpus.beir.path={','.join(paths)}"]


def several_folders(names: Sequence[str], paths: Sequence[str], known: Iterable[str]) -> list[str]:
    """``paths`` beside the corpora ``names``, each under a key that is none of those ``known`` in conf/corpus."""
    real = [Path(path).expanduser().resolve() for path in paths]
    if twice := [path for path, folder in zip(paths, real, strict=True) if real.count(folder) > 1]:
        raise UserError(f"corpus={twice[0]} is given twice.", "Leave out one of them.")
    words = [f"corpus=[{','.join(names)}]"]
    keys = set(known)
    called = [folder.name for folder in real]
    for path, folder in zip(paths, real, strict=True):
        key = key_of(folder, keys)
        keys.add(key)
        words += [f"+corpus/folder@corpus.{key}=beir", f"corpus.{key}.path={path}"]
        if folder.name in names or called.count(folder.name) > 1:
            words.append(f"corpus.{key}.name={key}")
    return words


def key_of(folder: Path, taken: Iterable[str]) -> str:
    """The name of ``folder`` in plain letters; with those of folders around it, or a number, where it is ``taken``."""
    parts = [re.sub(r"[^A-Za-z0-9_]+", "-", part).strip("-") for part in folder.parts]
    parts = [part for part in parts if part] or ["folder"]
    longer = ["-".join(parts[-count:]) for count in range(1, len(parts) + 1)]
    numbered = (f"{parts[-1]}-{number}" for number in count(2))
    plain = (key if key[0].isalpha() else f"folder-{key}" for key in chain(longer, numbered))
    return next(key for key in plain if key not in taken)


def check_folder(path: str) -> None:
    """Raises UserError for a ``path`` that leads to no folder."""
    folder = Path(path).expanduser()
    if folder.is_dir():
        return
    shown = abridged(path, MOST_SHOWN)
    if folder.name in ("corpus.jsonl", "queries.jsonl") and folder.is_file():
        raise UserError(f"corpus={shown} is a file of a corpus.", f"Give its folder: corpus={folder.parent}.")
    if TABLE.match(path):
        problem = f"corpus={shown} names one file; a corpus is documents, questions and judgments."
        raise UserError(problem, f"Write {OF_TABLE.format(shown)}.")
    if folder.exists():
        raise UserError(f"corpus={shown} is no folder.", HOLDS)
    beside = [each.name for each in folder.parent.glob("*") if each.is_dir()] if folder.parent.is_dir() else []
    near = did_you_mean(folder.name, beside)
    hint = near if near.startswith("Did") else HOLDS
    raise UserError(f"there is no folder '{shown}' (in 'corpus={shown}').", hint)
