"""OpenAI's embedding models, and any server that speaks its API: Text Embeddings Inference, vLLM, Infinity, Ollama …"""

from collections.abc import Sequence
from typing import Any

from evalkit.config import HostedModel, RuntimeConfig
from evalkit.encoders.encoder import Side
from evalkit.encoders.hosted.encoder import HostedEncoder
from evalkit.encoders.hosted.requests import Reply, in_order
from evalkit.errors import UserError


class OpenAI:
    package, extra = "openai", "openai"
    cuts_in_silence = False

    def connect(self, config: HostedModel, key: str) -> Any:
        import openai

        api = config.api
        return openai.OpenAI(api_key=key, base_url=config.url, timeout=api.timeout_seconds, max_retries=0)

    def request(self, client: Any, config: HostedModel, texts: Sequence[str], side: Side, dims: int | None) -> Reply:
        asked = {} if dims is None else {"dimensions": dims}
        found = client.embeddings.create(model=config.name, input=list(texts), encoding_format="float", **asked)
        tokens = getattr(found.usage, "prompt_tokens", None)
        return Reply(in_order([(item.index, item.embedding) for item in found.data]), tokens)


def hosted(config: HostedModel, runtime: RuntimeConfig) -> HostedEncoder:
    return HostedEncoder(config, OpenAI(), "hosted")


def served(config: HostedModel, runtime: RuntimeConfig) -> HostedEncoder:
    """A server of one's own. Raises UserError without a URL."""
    if not config.url:
        raise UserError("model.url is not set.", "Give the server's address: model.url=http://localhost:8080/v1.")
    return HostedEncoder(config, OpenAI(), "served")
