"""Where a model's files lie on this machine, and what they are: told without loading any of them."""

import hashlib
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TypeVar

from evalkit.config import FileModel, ModelConfig, SentenceTransformersModel
from evalkit.errors import UserError, first_line, is_installed

File = TypeVar("File", bound=FileModel)

HUB_TIMEOUT_S = 10.0
COMMIT = re.compile("[0-9a-f]{40}")


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
    found = file_sha256(weights) if weights.is_file() else "no such file"
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
        sha.update(f"{file.relative_to(folder).as_posix()}\0{file_sha256(file)}\n".encode())
    return sha.hexdigest()


def file_sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def warn_about_remote_code(model: ModelConfig) -> None:
    sys.stderr.write(
        f"evalkit: warning: {model.name} runs code that its repository ships (model.trust_remote_code=true).\n"
    )


def hub_commit(name: str, revision: str | None, hint: str) -> str:
    """The commit (40 hex digits) that ``revision`` of ``name`` stands for today; null is the branch main.

    Out of the hub's reach it is the commit that the hub's cache has for it. Raises UserError where neither tells.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.constants import HF_HUB_CACHE
    from huggingface_hub.file_download import repo_folder_name

    if revision and COMMIT.fullmatch(revision):
        return revision
    try:
        return str(HfApi().model_info(name, revision=revision, timeout=HUB_TIMEOUT_S).sha)
    except Exception as error:  # whichever HTTP client the hub library uses, and its offline mode
        kept = Path(HF_HUB_CACHE, repo_folder_name(repo_id=name, repo_type="model"), "refs", revision or "main")
        if kept.is_file():
            return kept.read_text().strip()
        raise unreachable(name, error, hint) from None


def at_commit(model: File) -> File:
    """``model`` with its hub commit as ``revision``, so that what is stored is not found again once a branch moved."""
    return replace(model, revision=hub_commit(model.name, model.revision, "Give a copy: model.path=<folder>."))


def hub_folder(name: str, revision: str | None, setting: str = "model.path") -> Path:
    """The files of ``name`` from the hub's cache, else from the hub. Raises UserError where neither has them."""
    from huggingface_hub import snapshot_download

    fetch = partial(snapshot_download, name, revision=revision)
    return from_hub(fetch, name, revision, f"Give a folder with its files: {setting}=<folder>.")


def hub_file(name: str, file: str, hint: str) -> Path:
    """One file of ``name`` from the hub's cache, else from the hub. Raises UserError where neither has it."""
    from huggingface_hub import hf_hub_download

    return from_hub(partial(hf_hub_download, name, file), name, None, hint)


def from_hub(fetch: Callable[..., str], name: str, revision: str | None, hint: str) -> Path:
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        try:
            return Path(fetch(local_files_only=True))
        except LocalEntryNotFoundError:
            ask_hub(name, revision)
            return Path(fetch())
    except (HfHubHTTPError, OSError) as error:
        raise unreachable(name, error, hint) from None


def unreachable(name: str, error: Exception, hint: str) -> UserError:
    reason = first_line(error)
    return UserError(f"{name} is neither in the hub's cache nor available from the hub: {reason}", hint)


def ask_hub(name: str, revision: str | None) -> None:
    """One request that fails at once where the hub is out of reach, instead of a minute of retries."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    try:
        HfApi().model_info(name, revision=revision, timeout=HUB_TIMEOUT_S)
    except HfHubHTTPError:
        raise
    except Exception as error:  # whichever HTTP client the hub library uses
        raise OSError(f"the model hub did not answer: {type(error).__name__}") from error
