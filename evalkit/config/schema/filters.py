"""The schema of a run's filter: searches among some of the documents, beside those among all of them."""

import dataclasses
from typing import Any


@dataclasses.dataclass
class FilterConfig:
    """Which documents pass.

    ``field`` is metadata of the corpus: each of its values is a filter, or each of ``values``. ``selectivity`` are
    shares of the documents that filters by chance let pass instead; ``seed`` says which documents these are.
    """

    field: str | None = None
    values: list[Any] = dataclasses.field(default_factory=list)
    selectivity: list[float] = dataclasses.field(default_factory=list)
    seed: int = 0

    @property
    def is_set(self) -> bool:
        return self.field is not None or bool(self.selectivity)
