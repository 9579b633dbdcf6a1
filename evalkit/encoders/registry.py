"""From a model's config to its encoder: config.schema.models says which file makes which kind."""

from evalkit.config import MODEL_KINDS, RuntimeConfig, VectorModel
from evalkit.encoders.encoder import Encoder
from evalkit.errors import UserError, did_you_mean

KINDS = tuple(name for name, kind in MODEL_KINDS.items() if kind.has_vectors)


def load_encoder(model: VectorModel, runtime: RuntimeConfig) -> Encoder:
    """The encoder of ``model.kind``. Raises UserError for an unknown kind; reads no weights yet."""
    if model.kind not in KINDS:
        raise UserError(f"model.kind={model.kind} is unknown.", did_you_mean(model.kind, KINDS))
    encoder: Encoder = MODEL_KINDS[model.kind].load()(model, runtime)
    return encoder
