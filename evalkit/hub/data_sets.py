"""Data sets, which ``datasets`` loads: first the hub is asked whether it is there, then what came is checked."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import PurePath
from typing import Any

from evalkit.errors import UserError, first_line
from evalkit.hub.client import HubError
from evalkit.hub.refusals import refusal, with_hub_or
from evalkit.hub.snapshot import COMMIT, resolved

KIND = "datasets"


@contextmanager
def data_set_loading(name: str, revision: str, hint: str) -> Iterator[None]:
    """Around what loads ``revision`` of the data set ``name``. Out of the hub's reach, the cache alone is read.

    Raises UserError, with ``hint`` as the way around the hub, where neither has it.
    """
    reason = why_offline(name, revision, hint)
    try:
        with offline_mode(reason is not None):
            yield
    except (OSError, ValueError) as error:
        if reason is None:
            raise UserError(f"{name} can't be loaded: {first_line(error)}", hint) from None
        raise UserError(
            f"{name} is neither in the cache of data sets nor available from the hub: {reason}.", with_hub_or(hint)
        ) from None


def why_offline(name: str, revision: str, hint: str) -> str | None:
    """Why the hub can't be asked now; null where it can. Raises UserError where it refuses the data set."""
    try:
        resolved(name, revision, KIND)
    except HubError as error:
        if error.hides_the_hub:
            return error.reason
        raise refusal(KIND, name, revision, error, hint) from None
    return None


@contextmanager
def offline_mode(is_on: bool) -> Iterator[None]:
    """The offline mode of huggingface_hub and datasets for a while: nobody waits for a hub that does not answer."""
    import datasets
    from huggingface_hub import constants

    places = ((constants, "HF_HUB_OFFLINE"), (datasets.config, "HF_HUB_OFFLINE"))
    before = [getattr(place, name) for place, name in places]
    try:
        for place, name in places:
            setattr(place, name, is_on or getattr(place, name))
        yield
    finally:
        for (place, name), value in zip(places, before, strict=True):
            setattr(place, name, value)


def refuse_other_revisions(name: str, revision: str, tables: Sequence[Any], hint: str) -> None:
    """Raises UserError where ``tables`` were read from the cache of another commit, as datasets does in silence."""
    files = [PurePath(file["filename"]) for table in tables for file in getattr(table, "cache_files", [])]
    commits = {part for file in files for part in file.parts if COMMIT.fullmatch(part)}
    if COMMIT.fullmatch(revision) and commits - {revision}:
        other = min(commits - {revision})
        raise UserError(
            f"{name} is cached at {other[:7]}, and {revision[:7]} is asked for, which can't be fetched now.",
            with_hub_or(hint),
        )
