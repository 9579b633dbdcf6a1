"""Where a model's files lie on this machine, and what they are: told without loading any of them."""

import hashlib
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from evalkit.config import ModelConfig
from evalkit.errors import UserError

HUB_TIMEOUT_S = 10.0


def local_folder(model: ModelConfig) -> Path | None:
    """The folder of the model's files: ``path``, or what the installed ``package`` ships; null means the hub.

    Raises UserError where ``path`` does not exist or the weights are not those that ``weights_sha256`` promises.
    """
    if model.path is not None:
        folder = Path(model.path).expanduser()
        if not folder.is_dir():
            raise UserError(f"model.path={model.path} is no folder.", "Give a sentence-transformers folder.")
        return folder
    if model.package is None or find_spec(model.package) is None:
        return None
    return Path(import_module(model.package).get_model_path())


def check_weights(model: ModelConfig, folder: Path) -> None:
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


def hub_folder(model: ModelConfig) -> Path:
    """The model's files from the hub's cache, else from the hub. Raises UserError where neither has them."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        try:
            return Path(snapshot_download(model.name, revision=model.revision, local_files_only=True))
        except LocalEntryNotFoundError:
            ask_hub(model)
            return Path(snapshot_download(model.name, revision=model.revision))
    except (HfHubHTTPError, OSError) as error:
        raise UserError(
            f"{model.name} is neither in the hub's cache nor to be had from the hub: {str(error).splitlines()[0]}",
            "Give a folder with its files: model.path=<folder>.",
        ) from None


def ask_hub(config: ModelConfig) -> None:
    """One request that fails at once where the hub is out of reach, instead of a minute of retries."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    try:
        HfApi().model_info(config.name, revision=config.revision, timeout=HUB_TIMEOUT_S)
    except HfHubHTTPError:
        raise
    except Exception as error:  # whichever HTTP client the hub library uses
        raise OSError(f"the model hub did not answer: {type(error).__name__}") from error
