"""Vectors that were made elsewhere: a matrix in a file for each side, whose rows are texts of one corpus.

What a model of kind ``vectors`` has in the place of an encoder. Files are read as memory maps; nothing is pickled.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from evalkit.config import RuntimeConfig, VectorsModel
from evalkit.corpora import Corpus, Texts
from evalkit.embeddings.corpus_embeddings import Embeddings
from evalkit.embeddings.timing import now
from evalkit.encoders import Advance, Side
from evalkit.encoders.capabilities import GivesVectors
from evalkit.encoders.encoder import Encoded
from evalkit.errors import UserError, first_line
from evalkit.measures.cost import CPU
from evalkit.system.digests import digest, digest_of_file
from evalkit.vectors.stored import StoredMatrix, open_npy

DTYPES = ("float16", "float32", "float64")
BLOCK_ROWS = 65_536
PLURAL: Mapping[Side, str] = {"document": "documents", "query": "queries"}
ZERO, HUGE = "nothing but zeros, and so no direction", "NaN, infinity or a number too large for float32"
NAME_THEM = "Name the rows, one id a line: model.{side}_ids=<file>, or {file} beside it."


class GivenVectors:
    """An encoder that has its vectors already. It reads no text: ``vectors_of`` is asked instead of ``encode``."""

    reads_images = True  # a corpus of images has vectors as any other

    def __init__(self, config: VectorsModel, runtime: RuntimeConfig) -> None:
        self.config = config
        self.checked: set[Side] = set()

    @property
    def dims(self) -> int:
        """The width of both matrices. Raises UserError where they are not equally wide."""
        documents, queries = (int(self.matrix(side).shape[1]) for side in PLURAL)
        if documents != queries:
            raise UserError(
                f"{self.config.documents} has {documents} dimensions and {self.config.queries} has {queries}.",
                "Give vectors of one model.",
            )
        return documents

    @cached_property
    def weights(self) -> str:
        """The digest of what is in the files: other vectors are another revision. Raises UserError as they do."""
        for side in PLURAL:
            self.matrix(side)
            self.ids(side)
        files = [file for side in PLURAL for file in (self.file(side), self.ids_file(side)) if file]
        return f"sha256:{digest(digest_of_file(file) for file in files)}"

    def identity(self, side: Side) -> Mapping[str, Any]:
        return {"kind": self.config.kind, "name": self.config.name, "weights": self.weights, "side": side}

    def encode(self, texts: Sequence[str], side: Side, advance: Advance = lambda n: None) -> Encoded:
        """Raises UserError: only the texts of the corpus have vectors."""
        raise UserError(
            f"{self.config.name} has vectors of its own corpus, and encodes no other text.", "Leave it out."
        )

    def timing_settings(self) -> Mapping[str, Any]:
        return {}

    def describe(self) -> dict[str, Any]:
        return {"device": CPU}

    def vectors_of(self, side: Side, ids: Sequence[str], left_out: int = 0) -> npt.NDArray[np.floating]:
        """The vector of each of ``ids`` (n × dims): the file itself where its rows are in their order.

        ``left_out`` texts of the corpus have none to be searched. Raises UserError where rows and texts don't meet, and
        for a vector that is not finite or has no direction.
        """
        matrix, names = self.matrix(side), self.ids(side)
        if side not in self.checked:
            self.check_rows(side, matrix, names or ids)
            self.checked.add(side)
        if names is None:
            if len(matrix) != len(ids):
                raise UserError(self.wrong_count(side, len(matrix), len(ids), left_out), self.name_them(side))
            return matrix
        row = {name: number for number, name in enumerate(names)}
        missing = [id_ for id_ in ids if id_ not in row]
        if missing:
            problem = f"{self.ids_file(side)} lacks {len(missing):,} of {len(ids):,} {PLURAL[side]}, the first is"
            raise UserError(f"{problem} '{missing[0]}'.", "Give a vector for each.")
        order = np.array([row[id_] for id_ in ids], dtype=np.int64)
        return matrix if np.array_equal(order, np.arange(len(matrix))) else np.asarray(matrix[order])

    def wrong_count(self, side: Side, rows: int, texts: int, left_out: int) -> str:
        of = "documents" if side == "document" else "judged queries"
        without = f", {left_out:,} without text are left out" if left_out else ""
        return f"{self.file(side)} has {rows:,} vectors, and the corpus {texts:,} {of}{without}."

    def name_them(self, side: Side) -> str:
        return NAME_THEM.format(side=side, file=beside(self.file(side)).name)

    def file(self, side: Side) -> Path:
        return Path((self.config.documents if side == "document" else self.config.queries) or "").expanduser()

    def ids_file(self, side: Side) -> Path | None:
        """Where rows are named: the file that is set, or the one beside the vectors; null where there is none."""
        given = self.config.document_ids if side == "document" else self.config.query_ids
        if given is not None:
            return Path(given).expanduser()
        return file if (file := beside(self.file(side))).is_file() else None

    def matrix(self, side: Side) -> StoredMatrix:
        """The file as a memory map. Raises UserError for anything but a matrix of floats, and one without a number."""
        file = self.file(side)
        where = f"model.{PLURAL[side]}={file}"
        if not file.is_file():
            raise UserError(f"{where} is no file.", "Write it with numpy.save(<file>, vectors).")
        try:
            matrix = open_npy(file)
        except (ValueError, OSError, EOFError) as error:
            hint = "Write numpy.save(<file>, numpy.ascontiguousarray(vectors, dtype='float32'))."
            raise UserError(f"{where} can't be read: {first_line(error).rstrip('.')}.", hint) from None
        if matrix.dtype.name not in DTYPES or not matrix.size:
            found = f"{matrix.dtype.name} of {len(matrix):,} × {matrix.shape[1]:,}"
            raise UserError(f"{where} is {found}.", f"Give rows of {', '.join(DTYPES)}.")
        return matrix

    def ids(self, side: Side) -> list[str] | None:
        """What names the rows, in their order; null where nothing does. Raises UserError where it can't."""
        file = self.ids_file(side)
        if file is None:
            return None
        try:
            names = file.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"model.{side}_ids={file} can't be read: {first_line(error)}.") from None
        names = [name.removesuffix("\r") for name in names]
        rows = len(self.matrix(side))
        if len(names) != rows:
            raise UserError(
                f"{file} has {len(names):,} lines, and {self.file(side)} {rows:,} vectors.", "One id a line."
            )
        if len(set(names)) != len(names):
            repeated = next(name for number, name in enumerate(names) if name in names[:number])
            raise UserError(f"{file} has '{repeated}' more than once.", "One id a line, each once.")
        return names

    def check_rows(self, side: Side, matrix: npt.NDArray[np.floating], names: Sequence[str]) -> None:
        """Raises UserError for the first row that is not finite, or has no length as float32."""
        for first in range(0, len(matrix), BLOCK_ROWS):
            with np.errstate(over="ignore"):
                block = np.asarray(matrix[first : first + BLOCK_ROWS], dtype=np.float32)
                squares = np.einsum("ij,ij->i", block, block)
            bad = ~np.isfinite(squares) | (squares == 0)
            if bad.any():
                row = int(np.argmax(bad))
                defect = HUGE if squares[row] else ZERO
                of = f" ('{names[first + row]}')" if first + row < len(names) else ""
                problem = f"{self.file(side)}: row {first + row:,}{of} has {defect}."
                raise UserError(problem, "Mend it, or leave its text out.")


def given_sides(encoder: GivesVectors, corpus: Corpus) -> dict[Side, Embeddings]:
    """The vectors of both sides of ``corpus``. Raises UserError as ``vectors_of`` does."""
    return {
        "document": given_side(encoder, "document", corpus.documents, len(corpus.empty_documents)),
        "query": given_side(encoder, "query", corpus.queries, 0),
    }


def given_side(encoder: GivesVectors, side: Side, texts: Texts, left_out: int) -> Embeddings:
    vectors: Any = encoder.vectors_of(side, texts.ids, left_out)
    meta = {
        "created_at": now(),
        "texts": len(texts),
        "dims": vectors.shape[1],
        "tokens": None,
        "truncated_rows": None,
        "max_length": None,
        "verification": None,
        "model": {"device": CPU},
    }
    return Embeddings(side, texts, vectors, meta, timing=None, cached=True, are_given=True)


def check_given(encoder: GivesVectors, corpora: Sequence[Corpus]) -> None:
    """Raises UserError unless there is one corpus, with a good vector for each of its texts."""
    if len(corpora) > 1:
        names = ", ".join(corpus.name for corpus in corpora)
        raise UserError(f"vectors are of one corpus, and {len(corpora)} are given: {names}.", "Make a run of each.")
    for corpus in corpora:
        given_sides(encoder, corpus)


def beside(file: Path) -> Path:
    """``docs.ids.txt`` of ``docs.npy``."""
    return file.with_suffix(".ids.txt")
