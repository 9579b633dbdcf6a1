"""Voyage AI's embedding models by their documented HTTP API: the SDK follows redirects and reads without an end."""

from collections.abc import Sequence
from typing import Any

from evalkit.config import HostedModel, RuntimeConfig
from evalkit.encoders.encoder import Side
from evalkit.encoders.hosted.encoder import HostedEncoder
from evalkit.encoders.hosted.http_client import client_options
from evalkit.encoders.hosted.replies import Reply, listed_reply

ADDRESS = "https://api.voyageai.com/v1"
ADDRESS_OF_ATLAS = "https://ai.mongodb.com/v1"  # which gives keys that begin with ATLAS_KEY
ATLAS_KEY = "al-"


class AnsweredError(Exception):
    """An answer other than 200, which is in ``response``."""

    def __init__(self, response: Any) -> None:
        super().__init__(f"HTTP {response.status_code}")
        self.status_code = response.status_code
        self.response = response


class Voyage:
    package, extra = "httpx", "voyage"
    cuts_in_silence = False

    def connect(self, config: HostedModel, key: str) -> Any:
        import httpx

        address = config.url or (ADDRESS_OF_ATLAS if key.startswith(ATLAS_KEY) else ADDRESS)
        options = client_options(config)
        options["headers"]["Authorization"] = f"Bearer {key}"
        return httpx.Client(base_url=address, timeout=config.api.timeout_seconds, **options)

    def request(self, client: Any, config: HostedModel, texts: Sequence[str], side: Side, dims: int | None) -> Reply:
        response = client.post(
            "/embeddings",
            json={
                "input": list(texts),
                "model": config.name,
                "input_type": getattr(config.api.input_types, side),
                "truncation": False,  # a text that is too long is an error, not cut in silence
                "output_dimension": dims,
            },
        )
        if response.status_code != 200:
            raise AnsweredError(response)
        return listed_reply(response.content, "total_tokens")


def hosted(config: HostedModel, runtime: RuntimeConfig) -> HostedEncoder:
    return HostedEncoder(config, Voyage(), "hosted")
