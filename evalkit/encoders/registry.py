"""From a model's config to its encoder: config.schema.models says which file makes which kind."""

from evalkit.config import MODEL_KINDS, RuntimeConfig, VectorModel
from evalkit.encoders.encoder import Encoder
from evalkit.errors import UserError, did_you_mean

KINDS = tuple(name for name, kind in MODEL_KINDS.items() if kind.has_vectors)


def load_encoder(model: VectorModel, runtime: RuntimeConfig) -> Encoder:
    """The encoder of ``model.kind``, under PyTorch where ``runtime`` leaves the choice open; reads no weights yet.

    Raises UserError for an unknown kind.
    """
    from evalkit.encoders.local.auto_runtime import named_runtime

    if model.kind not in KINDS:
        raise UserError(f"model.kind={model.kind} is unknown.", did_you_mean(model.kind, KINDS))
    encoder: Encoder = MODEL_KINDS[model.kind].load()(model, named_runtime(runtime))
    return encoder
