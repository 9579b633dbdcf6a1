"""Token-budget batches hold every text once and as little padding as may be."""

from hypothesis import given
from hypothesis import strategies as st

from evalkit.encoders.batches import token_budget_batches

LENGTHS = st.lists(st.integers(0, 600), max_size=200)


@given(LENGTHS, st.integers(1, 5_000))
def test_every_text_comes_once_and_no_batch_exceeds_the_budget(lengths: list[int], budget: int) -> None:
    batches = [batch.tolist() for batch in token_budget_batches(lengths, budget)]
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        padded = len(batch) * max(lengths[i] for i in batch)
        assert padded <= budget or len(batch) == 1


@given(LENGTHS)
def test_texts_come_longest_first(lengths: list[int]) -> None:
    order = [int(i) for batch in token_budget_batches(lengths, 512) for i in batch]
    assert [lengths[i] for i in order] == sorted(lengths, reverse=True)
