"""What may not leave a model: vectors that are not finite, all zeros, too few or too wide."""

from collections.abc import Sequence

import numpy as np

from evalkit.arrays import FloatMatrix
from evalkit.encoders import Encoder
from evalkit.errors import UserError

TOO_COARSE = "Is the precision too low for this model? Try runtime.precision=float32."
NOTHING_READ = "Does it know none of the text's words? Leave that text out, or take a model that reads its language."


def check_vectors(vectors: FloatMatrix, encoder: Encoder, ids: Sequence[str]) -> None:
    """One finite, non-zero vector of the right width per text, or a UserError that names the first bad text."""
    name = encoder.config.name
    if vectors.shape != (len(ids), encoder.dims):
        raise UserError(f"{name} gave vectors of shape {vectors.shape} for {len(ids)} texts of {encoder.dims} dims.")
    for defect, rows, hint in (
        ("NaN or infinity in it", ~np.isfinite(vectors).all(axis=1), TOO_COARSE),
        ("nothing but zeros", ~vectors.any(axis=1), NOTHING_READ),
    ):
        if rows.any():
            first = ids[int(np.argmax(rows))]
            raise UserError(
                f"{name} gave a vector with {defect} for the text '{first}' ({int(rows.sum())} such texts).", hint
            )
