"""Arrays of a program as the files that a model of kind ``vectors`` has."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from evalkit.embeddings.given import beside
from evalkit.errors import UserError, first_line

SIDES = ("documents", "queries")


@contextmanager
def written(documents: Any, queries: Any) -> Iterator[dict[str, str]]:
    """The settings of a model that has these vectors, for as long as it lasts: each side an array, or id → vector.

    Raises UserError for what is no matrix of numbers.
    """
    with TemporaryDirectory(prefix="evalkit-vectors-") as folder:
        files = {side: Path(folder) / f"{side}.npy" for side in SIDES}
        for (side, file), given in zip(files.items(), (documents, queries), strict=True):
            if isinstance(given, Mapping):
                write_ids(beside(file), side, [str(id_) for id_ in given])
                given = list(given.values())
            np.save(file, matrix(side, given), allow_pickle=False)
        yield {side: str(file) for side, file in files.items()}


def write_ids(file: Path, side: str, ids: Sequence[str]) -> None:
    """One id a line. Raises UserError for one that has a line end in it."""
    if odd := next((id_ for id_ in ids if len(id_.splitlines()) > 1 or id_ != id_.rstrip("\r\n")), None):
        raise UserError(f"embeddings: the id {odd!a} of {side} has a line end.", "Give an array in the corpus's order.")
    file.write_text("".join(f"{id_}\n" for id_ in ids), encoding="utf-8")


def matrix(side: str, given: Any) -> Any:
    """``given`` as an array of floats (n × dims), in C order."""
    try:
        array = np.asarray(given)
        vectors = np.ascontiguousarray(array, dtype=array.dtype if array.dtype.kind == "f" else np.float32)
    except (ValueError, TypeError) as error:
        raise UserError(f"embeddings: {side} are no matrix of numbers: {first_line(error)}.") from None
    if vectors.ndim != 2:
        raise UserError(f"embeddings: {side} have the shape {array.shape}.", "Give a row for each text: (n, dims).")
    return vectors
