"""Where a model's files lie on this machine, and what they are: told without loading any of them."""

import hashlib
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TypeVar

from evalkit.config import FileModel, ModelConfig, SentenceTransformersModel
from evalkit.errors import UserError, is_installed, say
from evalkit.hub import Snapshot, commit_of
from evalkit.system.digests import digest_of_file

File = TypeVar("File", bound=FileModel)

GIVE_A_COPY = "Give a copy: model.path=<folder>."


def local_folder(model: FileModel) -> Path | None:
    """The folder of the model's files: ``path``, or what the installed ``package`` ships; null means the hub.

    Raises UserError where ``path`` does not exist.
    """
    if model.path is not None:
        folder = Path(model.path).expanduser()
        if not folder.is_dir():
            raise UserError(f"model.path={model.path} is no folder.", "Give a sentence-transformers folder.")
        return folder
    if model.package is None or not is_installed(model.package):
        return None
    return Path(import_module(model.package).get_model_path())


def check_weights(model: SentenceTransformersModel, folder: Path) -> None:
    """Raises UserError where the weights are not those that ``weights_sha256`` promises."""
    weights = folder / "model.safetensors"
    if model.weights_sha256 is None:
        return
    found = digest_of_file(weights) if weights.is_file() else "no such file"
    if found != model.weights_sha256:
        raise UserError(
            f"{weights} is not {model.name}: sha256 {found}, expected {model.weights_sha256}.",
            "Install the package again, or set model.weights_sha256=null to use other weights.",
        )


def file_of(place: str | None, name: str, setting: str) -> Path:
    """The file ``name`` in a folder, a file itself, or the only such file of an installed package."""
    if place is None:
        raise UserError(f"{setting} is not set.", f"Give a folder or an installed package that holds {name}.")
    path = Path(place).expanduser()
    if path.is_file():
        return path
    if path.is_dir():
        found = sorted(path.rglob(name))
    elif place.isidentifier() and is_installed(place):
        found = sorted(Path(str(import_module(place).__file__)).parent.rglob(name))
    else:
        raise UserError(f"{setting}={place} is no file, folder or installed package.")
    if len(found) != 1:
        raise UserError(f"{setting}={place} holds {len(found)} files '{name}', not one.", "Give the file itself.")
    return found[0]


def folder_sha256(folder: Path) -> str:
    """sha256 (hex) over the names and contents of every file of a model, so that any change is another model."""
    sha = hashlib.sha256()
    for file in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "README.md"):
        sha.update(f"{file.relative_to(folder).as_posix()}\0{digest_of_file(file)}\n".encode())
    return sha.hexdigest()


def warn_about_remote_code(model: ModelConfig) -> None:
    say(f"evalkit: warning: {model.name} runs code that its repository ships (model.trust_remote_code=true).")


def warn_about_pooling(name: str, folder: Path) -> None:
    """Says where nothing tells how tokens become a vector: sentence-transformers then takes their mean."""
    if not (folder / "modules.json").is_file():
        say(f"evalkit: warning: {name} has no modules.json: a vector is the mean of a text's tokens.")


def at_commit(model: File) -> File:
    """``model`` with its hub commit as ``revision``, so that what is stored is not found again once a branch moved."""
    return replace(model, revision=commit_of(model.name, model.revision, GIVE_A_COPY))


def names_in(folder: Path) -> list[str]:
    """The files in ``folder`` by their paths within it."""
    return [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()]


def weights_name(fetched: Snapshot, code: tuple[str, str] | None) -> str:
    """What stands for a commit of the hub in an identity: itself, what was read of it, and whose code runs it."""
    by_code = f" code:{code[0]}@{code[1]}" if code else ""
    return f"hub:{fetched.commit} sha256:{fetched.digest}{by_code}"
