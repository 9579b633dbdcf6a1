"""Google's embedding models through the Gemini API."""

from collections.abc import Sequence
from typing import Any

from evalkit.config import HostedModel, RuntimeConfig
from evalkit.encoders.encoder import Side
from evalkit.encoders.hosted.encoder import HostedEncoder
from evalkit.encoders.hosted.http_client import client_options, latest_content
from evalkit.encoders.hosted.replies import Reply, below, json_of

ADDRESS = "https://generativelanguage.googleapis.com"  # said, or the environment could


class Google:
    package, extra = "google.genai", "google"
    cuts_in_silence = True

    def connect(self, config: HostedModel, key: str) -> Any:
        from google import genai

        timeout_ms = round(config.api.timeout_seconds * 1000)
        address, arguments = config.url or ADDRESS, client_options(config)
        options = genai.types.HttpOptions(base_url=address, timeout=timeout_ms, client_args=arguments)
        return genai.Client(api_key=key, vertexai=False, http_options=options)

    def request(self, client: Any, config: HostedModel, texts: Sequence[str], side: Side, dims: int | None) -> Reply:
        from google.genai.types import EmbedContentConfig

        options = EmbedContentConfig(task_type=getattr(config.api.input_types, side), output_dimensionality=dims)
        client.models.embed_content(model=config.name, contents=list(texts), config=options)
        answer = json_of(latest_content())
        items = below(answer, "embeddings")
        vectors = [below(item, "values") for item in items] if isinstance(items, list) else None
        return Reply(vectors, below(answer, "usageMetadata", "promptTokenCount"))


def hosted(config: HostedModel, runtime: RuntimeConfig) -> HostedEncoder:
    return HostedEncoder(config, Google(), "hosted")
