"""What an HTTP API's errors mean, whatever the SDK calls them: whether trying again can help, and when."""

from collections.abc import Iterator

from evalkit.encoders.hosted.server_words import said_by
from evalkit.web.retry_after import wait_seconds

TRANSIENT_STATUSES = {408, 409, 425, 429, 500, 502, 503, 504, 529}
REFUSED_STATUSES = {400, 413, 422}  # of what is in a request: its texts, or how it asks
KEY_STATUSES = {401, 403}
MOVED_TO = "x-moved-to"  # where http_client puts Location
STATUS_NAMES = ("status_code", "http_status", "code")
LOST = ("Timeout", "Connect", "ProtocolError", "ReadError", "WriteError", "ServiceUnavailable", "Decoding", "Encoding")
UNREADABLE = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError)


class BadReplyError(Exception):
    """An answer that does not hold one vector for each text: ``gave 3 vectors for 4 texts``."""


def is_transient(error: BaseException) -> bool:
    """Whether trying again can help: busy or broken servers, lost connections, answers that are not whole."""
    status = status_of(error)
    if status is not None:
        return status in TRANSIENT_STATUSES
    lost = any(word in cls.__name__ for cls in type(error).__mro__ for word in LOST)
    return lost or isinstance(error, BadReplyError | ConnectionError | TimeoutError)


def statuses(error: BaseException) -> Iterator[int]:
    values = (getattr(error, name, None) for name in STATUS_NAMES)
    return (value for value in values if isinstance(value, int) and not isinstance(value, bool))


def status_of(error: BaseException) -> int | None:
    """The HTTP status of a refusal, by whatever name the SDK has for it; null where the server answered well."""
    return next((status for status in statuses(error) if status >= 300), None)


def bad_reply(error: BaseException) -> BadReplyError | None:
    """``error`` as one of an answer that was read and is not what was asked for; null for all others."""
    for each in (error, error.__cause__, error.__context__):
        if isinstance(each, BadReplyError):
            return each
    answered = next((status for status in statuses(error) if status < 300), None)
    if answered or isinstance(error, UNREADABLE):
        return BadReplyError(f"gave an answer that can't be read: {said_by(error, answered)}")
    return None


def retry_after_seconds(error: BaseException | None) -> float | None:
    """What the response that ``error`` is of asks to wait; null where it asks for nothing."""
    value = header(error, "retry-after")
    return None if value is None else wait_seconds(value)


def header(error: BaseException | None, name: str) -> str | None:
    """A header of the response that ``error`` is of, by its name in small letters; null where it has none."""
    headers = getattr(getattr(error, "response", None), "headers", None) or getattr(error, "headers", None) or {}
    return next((str(value) for key, value in dict(headers).items() if str(key).lower() == name), None)
