"""Cohere's embedding models."""

from collections.abc import Sequence
from typing import Any

from evalkit.config import HostedModel, RuntimeConfig
from evalkit.encoders.encoder import Side
from evalkit.encoders.hosted.encoder import HostedEncoder
from evalkit.encoders.hosted.http_client import client_options, latest_content
from evalkit.encoders.hosted.replies import Reply, below, json_of

ADDRESS = "https://api.cohere.com"  # said, or the environment could


class Cohere:
    package, extra = "cohere", "cohere"
    cuts_in_silence = False

    def connect(self, config: HostedModel, key: str) -> Any:
        import cohere
        import httpx

        timeout = config.api.timeout_seconds
        http = httpx.Client(timeout=timeout, **client_options(config))
        return cohere.ClientV2(api_key=key, base_url=config.url or ADDRESS, timeout=timeout, httpx_client=http)

    def request(self, client: Any, config: HostedModel, texts: Sequence[str], side: Side, dims: int | None) -> Reply:
        client.embed(
            texts=list(texts),
            model=config.name,
            input_type=getattr(config.api.input_types, side),
            output_dimension=dims,
            embedding_types=["float"],
            truncate="NONE",  # a text that is too long is an error, not cut in silence
            request_options={"max_retries": 0},
        )
        answer = json_of(latest_content())
        return Reply(below(answer, "embeddings", "float"), below(answer, "meta", "billed_units", "input_tokens"))


def hosted(config: HostedModel, runtime: RuntimeConfig) -> HostedEncoder:
    return HostedEncoder(config, Cohere(), "hosted")
