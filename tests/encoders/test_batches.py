"""Token-budget batches hold every text once, as little padding as may be, and shrink when memory runs out."""

import pytest
from hypothesis import given
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


@given(LENGTHS, st.integers(1, 5_000))
def test_every_text_comes_once_and_no_batch_exceeds_the_budget(lengths: list[int], budget: int) -> None:
    batches = batches_of(lengths, TokenBudget(budget))
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        padded = len(batch) * max(lengths[i] for i in batch)
        assert padded <= budget or len(batch) == 1


@given(LENGTHS)
def test_texts_come_longest_first(lengths: list[int]) -> None:
    order = [i for batch in batches_of(lengths, TokenBudget(512)) for i in batch]
    assert [lengths[i] for i in order] == sorted(lengths, reverse=True)


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
