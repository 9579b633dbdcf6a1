"""OpenAI's embedding models, and any server that speaks its API: Text Embeddings Inference, vLLM, Infinity, Ollama …"""

from collections.abc import Sequence
from typing import Any

from evalkit.config import HostedModel, RuntimeConfig
from evalkit.encoders.encoder import Side
from evalkit.encoders.hosted.encoder import HostedEncoder
from evalkit.encoders.hosted.http_client import client_options
from evalkit.encoders.hosted.replies import Reply, listed_reply
from evalkit.errors import UserError

ADDRESS = "https://api.openai.com/v1"  # said, or the environment could


class OpenAI:
    package, extra = "openai", "openai"
    cuts_in_silence = False

    def connect(self, config: HostedModel, key: str) -> Any:
        import openai

        api = config.api
        http = openai.DefaultHttpxClient(**client_options(config))
        return openai.OpenAI(
            api_key=key, base_url=config.url or ADDRESS, timeout=api.timeout_seconds, max_retries=0, http_client=http
        )

    def request(self, client: Any, config: HostedModel, texts: Sequence[str], side: Side, dims: int | None) -> Reply:
        options = {} if dims is None else {"dimensions": dims}
        reply = client.embeddings.with_raw_response.create(
            model=getattr(config.api.name, side) or config.name,
            input=list(texts),
            encoding_format="float",
            extra_body=getattr(config.api.extra, side) or None,
            **options,
        )
        return listed_reply(reply.http_response.content, "prompt_tokens")


def hosted(config: HostedModel, runtime: RuntimeConfig) -> HostedEncoder:
    return HostedEncoder(config, OpenAI(), "hosted")


def served(config: HostedModel, runtime: RuntimeConfig) -> HostedEncoder:
    """A server of one's own. Raises UserError without a URL."""
    if not config.url:
        raise UserError("model.url is not set.", "Give the server's address: model.url=http://localhost:8080/v1.")
    return HostedEncoder(config, OpenAI(), "served")
