"""What a column of points.parquet is: name, unit, direction, why it may be null, and how a stage changes it."""

from dataclasses import dataclass

FIRST, ADDED, LARGEST, RATE, AGAIN, DROPPED = "first", "added", "largest", "rate", "again", "dropped"
DIGITS = {"$": 2, "B": 0, "ms": 1, "1/s": 0, "s": 2}
QUALITY_DIGITS = 4


@dataclass(frozen=True)
class Column:
    """A figure of points.parquet.

    ``higher_is_better`` is null where neither way is. ``of_machine`` says that it can only be compared on the same
    hardware, ``of_search`` that it depends on how many results a search is asked for, ``of_workload`` that it depends
    on the workload (and a cost on prices), ``is_signed`` that it may be below 0. ``samples`` names the columns of
    latencies.parquet that add up to it.

    ``by_stage`` is how a later stage changes it: ``first`` keeps the figure of the search, ``added`` sums both,
    ``largest`` takes the greater, ``rate`` is that of one after the other, ``again`` is worked out anew from what the
    stage gives, ``dropped`` has no meaning behind one.
    """

    name: str
    about: str
    unit: str = ""
    higher_is_better: bool | None = False
    heading: str = ""
    of_machine: bool = False
    of_search: bool = False
    of_workload: bool = False
    by_stage: str = FIRST
    why_null: str = ""
    samples: tuple[str, ...] = ()
    is_whole: bool = False
    is_signed: bool = False

    @property
    def digits(self) -> int:
        """Decimals that a reader needs."""
        return DIGITS.get(self.unit, QUALITY_DIGITS)

    @property
    def title(self) -> str:
        return self.heading or self.name

    @property
    def percentile(self) -> int | None:
        """The percentile of ``samples`` that the column holds, as its name says: 95 of ``search_ms_p95``."""
        return int(self.name.rpartition("_p")[2]) if self.samples else None
