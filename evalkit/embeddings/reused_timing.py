"""What was timed on an earlier entry that most of these texts are of: nobody has to time them once more."""

from evalkit.embeddings.entries.entry import Entry
from evalkit.embeddings.reuse import Reuse
from evalkit.embeddings.timing import Conditions, Timing, keep_timing, read_timing
from evalkit.encoders import Encoder
from evalkit.encoders.capabilities import timing_settings


def timing_of_reused(reuse: Reuse, encoder: Encoder) -> Timing | None:
    """The timing of this machine that belongs to at least half of the rows of ``reuse``; null where there is none."""
    if not reuse.is_mostly_one:
        return None
    return read_timing(reuse.main_source.entry, Conditions.of(timing_settings(encoder)))


def adopt_timing(reuse: Reuse, entry: Entry, encoder: Encoder) -> None:
    """Keep it for ``entry`` too, unless that has its own."""
    timing = timing_of_reused(reuse, encoder)
    if timing and read_timing(entry, timing.conditions) is None:
        keep_timing(entry, timing)
