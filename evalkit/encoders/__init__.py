"""Text to vectors: one file per kind of model, all behind one protocol."""

from evalkit.encoders.encoder import Advance, Encoded, Encoder, Side
from evalkit.encoders.registry import load_encoder

__all__ = ["Advance", "Encoded", "Encoder", "Side", "load_encoder"]
