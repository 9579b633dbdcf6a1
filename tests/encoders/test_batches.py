"""Token-budget batches hold every text once, as little padding as may be, and shrink when memory runs out."""

from threading import Barrier, BrokenBarrierError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.arrays import Rows
from evalkit.encoders.batches import TokenBudget, encode_in_batches

LENGTHS = st.lists(st.integers(0, 600), max_size=200)


def batches_of(lengths: list[int], budget: TokenBudget, fits: float = float("inf")) -> list[list[int]]:
    """The batches that get through on a device where ``fits`` padded tokens fit."""
    done: list[list[int]] = []

    def encode(batch: Rows) -> None:
        if len(batch) * max(lengths[i] for i in batch) > fits:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        done.append(batch.tolist())

    encode_in_batches(lengths, budget, encode)
    return done


@settings(deadline=None)
@given(LENGTHS, st.integers(1, 5_000))
def test_every_text_comes_once_and_no_batch_exceeds_the_budget(lengths: list[int], budget: int) -> None:
    batches = batches_of(lengths, TokenBudget(budget))
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        padded = len(batch) * max(lengths[i] for i in batch)
        assert padded <= budget or len(batch) == 1


@settings(deadline=None)
@given(LENGTHS)
def test_texts_come_longest_first(lengths: list[int]) -> None:
    order = [i for batch in batches_of(lengths, TokenBudget(512)) for i in batch]
    assert [lengths[i] for i in order] == sorted(lengths, reverse=True)


@settings(deadline=None)
@given(st.lists(st.integers(1, 100), max_size=200), st.integers(100, 5_000))
def test_trap_22_out_of_memory_halves_the_batch_goes_on_and_is_remembered(lengths: list[int], fits: int) -> None:
    budget = TokenBudget(100_000)
    batches = batches_of(lengths, budget, fits)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    assert budget.tokens == 100_000 or budget.tokens <= fits * 2
    if lengths and len(lengths) * max(lengths) > fits:
        assert budget.tokens < 100_000


def test_a_text_that_does_not_fit_alone_and_other_errors_are_raised() -> None:
    with pytest.raises(RuntimeError, match="out of memory"):
        batches_of([10, 10], TokenBudget(20), fits=5)
    with pytest.raises(RuntimeError, match="shape"):
        encode_in_batches([1, 2], TokenBudget(20), lambda batch: (_ for _ in ()).throw(RuntimeError("shape")))


@settings(deadline=None)
@given(LENGTHS, st.integers(1, 5_000), st.integers(2, 5))
def test_batches_are_the_same_in_any_number_of_streams(lengths: list[int], budget: int, streams: int) -> None:
    done: list[list[int]] = []
    told: list[int] = []
    encode_in_batches(lengths, TokenBudget(budget), lambda b: done.append(b.tolist()), streams, advance=told.append)
    assert sorted(done) == sorted(batches_of(lengths, TokenBudget(budget)))
    assert sum(told) == len(lengths)


def test_no_more_batches_are_computed_at_once_than_there_are_streams() -> None:
    together = Barrier(3)
    encode_in_batches([1] * 9, TokenBudget(1), lambda batch: together.wait(timeout=60) and None, streams=3)
    with pytest.raises(BrokenBarrierError):
        encode_in_batches([1] * 4, TokenBudget(1), lambda batch: Barrier(3).wait(timeout=0.1) and None, streams=2)


@settings(deadline=None)
@given(st.lists(st.integers(1, 100), max_size=100), st.integers(100, 2_000))
def test_trap_22_a_stream_that_runs_out_of_memory_makes_batches_smaller(lengths: list[int], fits: int) -> None:
    budget, done = TokenBudget(100_000), []

    def encode(batch: Rows) -> None:
        if len(batch) * max(lengths[i] for i in batch) > fits:
            raise MemoryError
        done.extend(batch.tolist())

    encode_in_batches(lengths, budget, encode, streams=3)
    assert sorted(done) == list(range(len(lengths)))


def test_what_a_stream_raises_reaches_the_caller_and_later_batches_are_not_begun() -> None:
    begun: list[int] = []

    def encode(batch: Rows) -> None:
        begun.append(int(batch[0]))
        raise ValueError("shape")

    with pytest.raises(ValueError, match="shape"):
        encode_in_batches([1] * 100, TokenBudget(1), encode, streams=2)
    assert len(begun) < 10


def test_ctrl_c_in_the_calling_thread_stops_the_streams() -> None:
    begun: list[int] = []

    def stop(texts: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode_in_batches([1] * 100, TokenBudget(1), lambda b: begun.append(int(b[0])), streams=2, advance=stop)
    assert len(begun) < 10
