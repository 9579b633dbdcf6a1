"""How the SDKs' HTTP clients are set up: no redirect takes texts or keys elsewhere, and no body goes on forever."""

import time
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from evalkit.config import HostedModel
from evalkit.encoders.hosted.http_errors import BadReplyError

WIDEST = 16_384  # dimensions, where the model's are not known
BYTES_PER_NUMBER = 40  # of JSON, written as widely as anybody does
OTHER_BYTES = 1 << 20
SLOWEST = 10  # so many times the timeout of a silent server a whole body may take


def client_options(config: HostedModel) -> dict[str, Any]:
    """Options for the client of httpx, or of its like, that an SDK makes its requests by."""
    most_bytes = config.api.batch_texts * (config.native_dims or WIDEST) * BYTES_PER_NUMBER + OTHER_BYTES
    bound = bounded(most_bytes, SLOWEST * config.api.timeout_seconds)
    return {"follow_redirects": False, "event_hooks": {"response": [bound]}}


def bounded(most_bytes: int, most_seconds: float) -> Callable[[Any], None]:
    """A hook that lets a response's body be read up to so much, and then raises BadReplyError."""

    def bound(response: Any) -> None:
        http = import_module(type(response).__module__.partition(".")[0])
        stream, ends_at = response.stream, time.monotonic() + most_seconds

        class Bounded(http.SyncByteStream):  # type: ignore[misc, name-defined]
            def __iter__(self) -> Iterator[bytes]:
                size = 0
                for chunk in stream:
                    size += len(chunk)
                    if size > most_bytes:
                        raise BadReplyError(f"gave an answer of more than {most_bytes:,} bytes")
                    if time.monotonic() > ends_at:
                        raise BadReplyError(f"gave an answer that did not end in {most_seconds:,.0f} seconds")
                    yield chunk

            def close(self) -> None:
                stream.close()

        response.stream = Bounded()

    return bound
