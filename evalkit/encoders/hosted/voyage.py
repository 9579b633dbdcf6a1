"""Voyage AI's embedding models, below the SDK's client: that would take a reply's order for the texts'."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from evalkit.config import HostedModel, RuntimeConfig
from evalkit.encoders.encoder import Side
from evalkit.encoders.hosted.encoder import HostedEncoder
from evalkit.encoders.hosted.replies import Reply, in_order


class Voyage:
    package, extra = "voyageai", "voyage"
    cuts_in_silence = False

    def connect(self, config: HostedModel, key: str) -> Any:
        import voyageai
        from voyageai.util import get_default_base_url

        where = {"api_key": key, "base_url": config.url or get_default_base_url(key)}
        return partial(voyageai.Embedding.create, **where, request_timeout=config.api.timeout_seconds)

    def request(self, client: Any, config: HostedModel, texts: Sequence[str], side: Side, dims: int | None) -> Reply:
        reply = client(
            input=list(texts),
            model=config.name,
            input_type=getattr(config.api.input_types, side),
            truncation=False,  # a text that is too long is an error, not cut in silence
            output_dimension=dims,
        )
        return Reply(in_order([(item["index"], item["embedding"]) for item in reply.data]), reply.usage["total_tokens"])


def hosted(config: HostedModel, runtime: RuntimeConfig) -> HostedEncoder:
    return HostedEncoder(config, Voyage(), "hosted")
