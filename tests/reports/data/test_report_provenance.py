"""A page says whose its timings are."""

import pytest

from evalkit.reports.data.provenance import timed_words

PASS = {"corpus": "c", "texts": 1400, "cached": True}
HERE = {"timed_on": {"hardware": "ab12", "cpu": "a CPU"}, "timed_at": "2026-01-02T03:04:05+00:00", "timed_texts": 512}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({**HERE, "threads": 1}, "c: 512 of 1,400 texts on a CPU with 1 thread, 2026-01-02T03:04:05+00:00"),
        ({**HERE, "threads": None}, "c: 512 of 1,400 texts on a CPU, 2026-01-02T03:04:05+00:00"),
        ({"timed_on": None, "threads": None}, "c: not on this machine with these threads"),
        ({}, "c: an earlier run's, on a machine that is not known"),
        ({"cached": False}, "c: by this run"),
    ],
)
def test_a_timing_is_told_with_its_machine_threads_and_day(more: dict[str, object], said: str) -> None:
    assert timed_words({**PASS, **more}) == said
