"""What a worker tells, and how an error that was raised in it is raised again where the run is."""

import pickle
import traceback
from dataclasses import dataclass

from evalkit.embeddings.shards import EncodedShard
from evalkit.errors import UserError, first_line


@dataclass(frozen=True)
class Ready:
    """Its encoder is loaded."""


@dataclass(frozen=True)
class Ended:
    """It is no more, and ``why``."""

    why: str


@dataclass(frozen=True)
class Failed:
    """Encoding raised: ``mistake`` is a user's, as (problem, hint), else ``error`` is it, pickled, with its ``story``.

    ``error`` is empty for one that can't be pickled; ``name`` and ``line`` tell it then.
    """

    mistake: tuple[str, str] | None = None
    error: bytes = b""
    name: str = ""
    line: str = ""
    story: str = ""


Reply = Ready | Ended | Failed | EncodedShard


class ElsewhereError(Exception):
    """The traceback of another process: the cause of what is raised here."""


def failed(error: BaseException) -> Failed:
    if isinstance(error, UserError):
        return Failed((error.problem, error.hint))
    story = "".join(traceback.format_exception(error))
    return Failed(None, pickled(error), type(error).__name__, first_line(error), story)


def pickled(error: BaseException) -> bytes:
    """Empty for an error that would not come out as it went in."""
    try:
        data = pickle.dumps(error)
        same = pickle.loads(data)  # noqa: S301  (what was made one line above)
    except Exception:
        return b""
    return data if type(same) is type(error) and str(same) == str(error) else b""


def raised(failed: Failed) -> BaseException:
    """The error to raise: of the same class and with the same words, where it can be."""
    if failed.mistake is not None:
        return UserError(*failed.mistake)
    if failed.error:
        error: BaseException = pickle.loads(failed.error)  # noqa: S301  (of a worker that this run has started)
    else:
        error = RuntimeError(f"{failed.name}: {failed.line}")
    error.__cause__ = ElsewhereError(f"in a worker:\n{failed.story}")
    return error
