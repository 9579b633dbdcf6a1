"""One request to the hub: tried again while the hub is busy or failing, and refused in its reader's words.

Addresses, the token (HF_TOKEN) and the offline mode are those of huggingface_hub; answers are read here, so that
every reason has its own message and none is lost.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from re import search
from typing import Any, TypeVar
from urllib.parse import quote

from evalkit.errors import say
from evalkit.web.addresses import shown
from evalkit.web.retry_after import wait_seconds

TIMEOUT_S = 10.0
ATTEMPTS = 5
FIRST_WAIT_S = 1.0
MOST_BYTES = 2**28  # of an answer of the API, the list of all files of a repository
LONGEST_ANSWER_S = 300.0  # until that is whole
LONGEST_WAIT_S = 300.0  # a hub that asks for more is refused at once, with what it asked for
MENTIONED_WAIT_S = 2.0
Answer = TypeVar("Answer")


@dataclass
class HubError(Exception):
    """Why the hub did not give what it was asked for: ``code`` and ``message`` are its own words, if it has any."""

    reason: str
    status: int | None = None
    code: str = ""
    message: str = ""
    wait_s: float | None = None

    @property
    def is_unreachable(self) -> bool:
        return self.status is None

    @property
    def hides_the_hub(self) -> bool:
        """Whether nothing is known by it but that the hub can't be asked now."""
        return self.status is None or self.status < HTTPStatus.BAD_REQUEST or self.may_pass

    @property
    def may_pass(self) -> bool:
        return self.status is not None and (
            self.status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS) or self.status >= 500
        )


def endpoint() -> str:
    from huggingface_hub import constants

    return str(constants.ENDPOINT).rstrip("/")


def address() -> str:
    """The endpoint as messages name it: without what may be a secret in it."""
    return shown(endpoint())


def is_offline() -> bool:
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def api_path(kind: str, name: str, *parts: str) -> str:
    """The path of the API for a model or data set (``kind``: models, datasets)."""
    return "/".join(["/api", kind, name, *(quote(part, safe="") for part in parts)])


def ask(path: str) -> Any:
    """The JSON that the hub answers to ``path``. Raises HubError."""

    def once() -> Any:
        with response_to(path, {}) as response:
            return decoded(whole_content(response), response.status_code)

    return patiently(once)


@contextmanager
def response_to(path: str, headers: dict[str, str]) -> Iterator[Any]:
    """The opened answer to one GET of ``path``, its body unread. Raises HubError, also for a failure while reading."""
    from huggingface_hub import get_session
    from huggingface_hub.utils import build_hf_headers

    if is_offline():
        raise HubError("the offline mode is on (HF_HUB_OFFLINE=1)")
    sent = {**build_hf_headers(library_name="evalkit"), "Accept-Encoding": "identity", **headers}
    try:
        with get_session().stream("GET", endpoint() + path, headers=sent, timeout=TIMEOUT_S) as response:
            if response.status_code >= HTTPStatus.BAD_REQUEST:
                raise refused(response)
            yield response
    except (HubError, OSError):  # of the disk, where the body is written
        raise
    except Exception as error:  # whichever HTTP client the hub's library uses
        raise HubError(f"{address()} did not answer ({type(error).__name__})") from error


def refused(response: Any) -> HubError:
    code, message = (response.headers.get(f"X-Error-{name}", "") for name in ("Code", "Message"))
    reason = f"{address()} answered {response.status_code}"
    return HubError(reason, response.status_code, code, message, wait_of(response.headers))


def wait_of(headers: Any) -> float | None:
    """Seconds that the hub asks to wait: ``Retry-After`` (seconds or a date), or ``t=`` of ``RateLimit``."""
    if after := headers.get("Retry-After"):
        return wait_seconds(after)
    limit = search(r"\bt=(\d+)", headers.get("RateLimit", ""))
    return float(limit[1]) if limit else None


def whole_content(response: Any) -> bytes:
    """The body. Raises HubError for one that is longer, or takes longer, than any of a hub."""
    content, ends_at = bytearray(), time.monotonic() + LONGEST_ANSWER_S
    for block in response.iter_bytes():
        content += block
        if len(content) > MOST_BYTES or time.monotonic() > ends_at:
            raise HubError(f"{address()} answered without an end, not as a model hub does", response.status_code)
    return bytes(content)


def decoded(content: bytes, status: int) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise HubError(f"{address()} answered with a page, not as a model hub does", status) from None


def patiently(once: Callable[[], Answer]) -> Answer:
    """What ``once`` gives, called again while the hub is busy (after as long as it says) or failing."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return once()
        except HubError as error:
            wait_s = FIRST_WAIT_S * 2 ** (attempt - 1) if error.wait_s is None else error.wait_s
            if not error.may_pass or attempt == ATTEMPTS or wait_s > LONGEST_WAIT_S:
                raise
            if wait_s > MENTIONED_WAIT_S:
                say(f"evalkit: {error.reason}: asking again in {wait_s:.0f} s")
        time.sleep(wait_s)
    raise AssertionError("unreachable")
