"""What an HTTP API's errors mean, whatever the SDK calls them: whether trying again can help, and when."""

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

TRANSIENT_STATUSES = {408, 409, 425, 429, 500, 502, 503, 504, 529}
STATUS_NAMES = ("status_code", "http_status", "code")
LOST = ("Timeout", "Connect", "ProtocolError", "ReadError", "WriteError", "ServiceUnavailable")  # in errors' names


class BadReplyError(Exception):
    """An answer that does not hold one vector for each text."""


def is_transient(error: BaseException) -> bool:
    """Whether trying again can help: busy or broken servers, lost connections, answers that are not whole."""
    status = status_of(error)
    if status is not None:
        return status in TRANSIENT_STATUSES
    lost = any(word in cls.__name__ for cls in type(error).__mro__ for word in LOST)
    return lost or isinstance(error, BadReplyError | json.JSONDecodeError | ConnectionError | TimeoutError)


def status_of(error: BaseException) -> int | None:
    """The HTTP status, by whatever name the SDK has for it."""
    statuses = (getattr(error, name, None) for name in STATUS_NAMES)
    return next((status for status in statuses if isinstance(status, int)), None)


def retry_after_seconds(error: BaseException | None) -> float | None:
    """What the header Retry-After asks for, in seconds or as a date (RFC 9110, section 10.2.3); null without one."""
    headers = getattr(getattr(error, "response", None), "headers", None) or getattr(error, "headers", None) or {}
    value = next((v for name, v in dict(headers).items() if str(name).lower() == "retry-after"), None)
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        try:
            return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
        except (TypeError, ValueError):
            return None
