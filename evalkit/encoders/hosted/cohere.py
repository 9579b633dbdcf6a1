"""Cohere's embedding models."""

from collections.abc import Sequence
from typing import Any

from evalkit.config import HostedModel, RuntimeConfig
from evalkit.encoders.encoder import Side
from evalkit.encoders.hosted.encoder import HostedEncoder
from evalkit.encoders.hosted.http_client import client_options
from evalkit.encoders.hosted.replies import Reply


class Cohere:
    package, extra = "cohere", "cohere"
    cuts_in_silence = False

    def connect(self, config: HostedModel, key: str) -> Any:
        import cohere
        import httpx

        timeout = config.api.timeout_seconds
        http = httpx.Client(timeout=timeout, **client_options(config))
        return cohere.ClientV2(api_key=key, base_url=config.url, timeout=timeout, httpx_client=http)

    def request(self, client: Any, config: HostedModel, texts: Sequence[str], side: Side, dims: int | None) -> Reply:
        reply = client.embed(
            texts=list(texts),
            model=config.name,
            input_type=getattr(config.api.input_types, side),
            output_dimension=dims,
            embedding_types=["float"],
            truncate="NONE",  # a text that is too long is an error, not cut in silence
            request_options={"max_retries": 0},
        )
        billed = getattr(reply.meta, "billed_units", None)
        tokens = getattr(billed, "input_tokens", None)
        return Reply(getattr(reply.embeddings, "float_", None), tokens)


def hosted(config: HostedModel, runtime: RuntimeConfig) -> HostedEncoder:
    return HostedEncoder(config, Cohere(), "hosted")
