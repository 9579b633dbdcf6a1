"""How HTTP clients are set up: no redirect takes texts or keys elsewhere, and no body goes on forever."""

import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import Any

from evalkit.config import HostedModel
from evalkit.encoders.hosted.http_errors import MOVED_TO, BadReplyError

WIDEST = 16_384  # dimensions, where the model's are not known
BYTES_PER_NUMBER = 40  # of JSON, written as widely as anybody does
OTHER_BYTES = 1 << 20
AT_ONCE = 1 << 16  # bytes that are decompressed before they are counted
WINDOW_BITS = {"gzip": zlib.MAX_WBITS | 16, "x-gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
CODED = "content-encoding"
LATEST = threading.local()


def client_options(config: HostedModel) -> dict[str, Any]:
    """Options for the client of httpx, or of its like, that an SDK makes its requests by."""
    most_bytes = config.api.batch_texts * (config.native_dims or WIDEST) * BYTES_PER_NUMBER + OTHER_BYTES
    bound = bounded(most_bytes, config.api.timeout_seconds)
    return {
        "follow_redirects": False,
        "headers": {"Accept-Encoding": "gzip"},
        "event_hooks": {"request": [asks_for_gzip], "response": [hide_location, bound]},
    }


def asks_for_gzip(request: Any) -> None:
    """Let no coding be asked for that ``bounded`` doesn't read, whatever an SDK sets."""
    request.headers["Accept-Encoding"] = "gzip"


def hide_location(response: Any) -> None:
    """Let no client make a request of where a redirect leads to, not even one that it doesn't send."""
    if "location" in response.headers:
        response.headers[MOVED_TO] = response.headers.pop("location")


def bounded(most_bytes: int, most_seconds: float) -> Callable[[Any], None]:
    """A hook that lets a response's body be read up to so much, decompressed, and then raises BadReplyError."""

    def bound(response: Any) -> None:
        http = import_module(type(response).__module__.partition(".")[0])
        stream, ends_at = response.stream, time.monotonic() + most_seconds
        coding = response.headers.pop(CODED, "identity").strip().lower()

        class Bounded(http.SyncByteStream):  # type: ignore[misc, name-defined]
            def __iter__(self) -> Iterator[bytes]:
                size = 0
                for chunk in decompressed(stream, coding):
                    size += len(chunk)
                    if size > most_bytes:
                        raise BadReplyError(f"gave an answer of more than {most_bytes:,} bytes")
                    if time.monotonic() > ends_at:
                        raise BadReplyError(f"gave an answer that did not end in {most_seconds:,g} seconds")
                    yield chunk

            def close(self) -> None:
                stream.close()

        response.stream = Bounded()
        LATEST.response = response

    return bound


def latest_content() -> bytes:
    """The body that an SDK's call in this thread just read: SDKs make numbers of text and of truth values."""
    content: bytes = LATEST.response.content
    return content


def decompressed(chunks: Iterable[bytes], coding: str) -> Iterator[bytes]:
    """The body in ``chunks`` without its ``coding``, never more than AT_ONCE bytes at a time.

    Raises BadReplyError for a coding that was not asked for, and for a body that isn't what it says or isn't whole.
    """
    if coding in ("identity", ""):
        yield from chunks
        return
    if coding not in WINDOW_BITS:
        raise BadReplyError(f"gave an answer in the coding {coding!a}, which it was not asked for")
    unpack = zlib.decompressobj(WINDOW_BITS[coding])
    try:
        for chunk in chunks:
            while chunk:
                yield unpack.decompress(chunk, AT_ONCE)
                chunk = unpack.unconsumed_tail
    except zlib.error as error:
        raise BadReplyError(f"gave an answer that is no {coding}: {error}") from None
    if not unpack.eof:
        raise BadReplyError(f"gave an answer whose {coding} ends early")
