"""What a user puts into the requests of one side: fields and names of a model, checked before anything is sent."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from evalkit.config.schema.models import HostedModel
from evalkit.config.trust.secrets import sounds_secret
from evalkit.errors import UserError
from evalkit.web.addresses import HARMLESS, is_shown_whole

SENT_BY_EVALKIT = {  # field → the setting that decides it
    "model": "model.name, or model.api.name of one side",
    "input": "the corpus, and model.prompts",
    "encoding_format": "evalkit, which reads numbers",
    "dimensions": "model.native_dims with model.api.native_dims=true",
}
KEYS_HINT = "Keys go by the environment: model.api.key_variable=<variable>."


def check_requests(model: HostedModel) -> None:
    """Raises UserError for a URL that is none or has a secret in it, and for fields of requests.

    Those are fields that evalkit sends itself, and those that sound secret.
    """
    check_url(model.url)
    for width in model.api.compare_dims:
        if model.native_dims and width > model.native_dims:
            hint = f"Give whole numbers from 1 to model.native_dims={model.native_dims}."
            raise UserError(f"model.api.compare_dims={width} is not possible.", hint)
    for side, fields in vars(model.api.extra).items():
        for name in fields:
            if name in SENT_BY_EVALKIT:
                problem = f"model.api.extra.{side} can't set '{name}', which is in every request."
                raise UserError(problem, f"It is decided by {SENT_BY_EVALKIT[name]}.")
        for name in names_in(fields):
            if sounds_secret(name):
                raise UserError(
                    f"model.api.extra.{side} has {name!a}, which sounds like a secret: settings are kept in results.",
                    KEYS_HINT,
                )


def check_url(url: str | None) -> None:
    """Raises UserError for a ``url`` without scheme and host, and for one with what may be a secret in it."""
    if url is None:
        return
    if not is_shown_whole(url):
        problem = "model.url has a password or a key in it: settings are kept in results."
        raise UserError(problem, f"{KEYS_HINT} In its query may be {', '.join(sorted(HARMLESS))}.")
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        place = url.rpartition("@")[2]  # without a password
        raise UserError(f"model.url={place!a} is no address.", "Give it with its scheme: http://localhost:8080/v1.")


def names_in(value: Any) -> Iterator[str]:
    """The names of all fields of ``value``, however deep."""
    if isinstance(value, dict):
        for name, below in value.items():
            yield str(name)
            yield from names_in(below)
    if isinstance(value, list):
        for each in value:
            yield from names_in(each)
