"""Google's embedding models through the Gemini API."""

from collections.abc import Sequence
from typing import Any

from evalkit.config import HostedModel, RuntimeConfig
from evalkit.encoders.encoder import Side
from evalkit.encoders.hosted.encoder import HostedEncoder
from evalkit.encoders.hosted.http_client import client_options
from evalkit.encoders.hosted.replies import Reply


class Google:
    package, extra = "google.genai", "google"
    cuts_in_silence = True

    def connect(self, config: HostedModel, key: str) -> Any:
        from google import genai

        timeout_ms = round(config.api.timeout_seconds * 1000)
        options = genai.types.HttpOptions(base_url=config.url, timeout=timeout_ms, client_args=client_options(config))
        return genai.Client(api_key=key, http_options=options)

    def request(self, client: Any, config: HostedModel, texts: Sequence[str], side: Side, dims: int | None) -> Reply:
        from google.genai.types import EmbedContentConfig

        options = EmbedContentConfig(task_type=getattr(config.api.input_types, side), output_dimensionality=dims)
        reply = client.models.embed_content(model=config.name, contents=list(texts), config=options)
        usage = getattr(reply, "usage_metadata", None)
        vectors = [item.values for item in reply.embeddings] if reply.embeddings else None
        return Reply(vectors, getattr(usage, "prompt_token_count", None))


def hosted(config: HostedModel, runtime: RuntimeConfig) -> HostedEncoder:
    return HostedEncoder(config, Google(), "hosted")
