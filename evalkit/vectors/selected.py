"""Some rows of stored matrices as one matrix: the vectors of a sample, of which no second copy is made."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from evalkit.arrays import Rows
from evalkit.vectors.matrix import is_on_disk


@dataclass(frozen=True)
class Part:
    """``rows``, ascending, of one stored ``matrix`` (n × native dims)."""

    matrix: npt.NDArray[np.floating]
    rows: Rows


@dataclass(frozen=True)
class SelectedRows:
    """The rows of its ``parts``, one part behind the other; what is asked for is read, and nothing else.

    Raises ValueError where the parts are of different widths.
    """

    parts: Sequence[Part]

    def __post_init__(self) -> None:
        if len({part.matrix.shape[1] for part in self.parts}) != 1:
            raise ValueError("parts of one matrix are of different widths")

    @cached_property
    def ends(self) -> Rows:
        return np.cumsum([len(part.rows) for part in self.parts])

    @property
    def shape(self) -> tuple[int, int]:
        return int(self.ends[-1]), self.parts[0].matrix.shape[1]

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.result_type(*(part.matrix.dtype for part in self.parts))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | Rows) -> npt.NDArray[np.floating]:
        """The vectors of a slice or of an array of rows (its length × native dims), a copy.

        A file is mapped for this alone: pages that stay mapped would count as this process's memory.
        """
        asked = np.arange(len(self))[rows] if isinstance(rows, slice) else np.asarray(rows)
        vectors = np.empty((len(asked), self.shape[1]), dtype=self.dtype)
        part_of = np.searchsorted(self.ends, asked, side="right")
        for number, part in enumerate(self.parts):
            places = np.flatnonzero(part_of == number)
            if len(places):
                matrix = part.matrix.mapped_anew() if is_on_disk(part.matrix) else part.matrix
                first = self.ends[number] - len(part.rows)
                vectors[places] = matrix[part.rows[asked[places] - first]]
        return vectors
