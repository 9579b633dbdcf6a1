"""What a hosted model's bill will be, before the first request: texts that are not stored yet, and the canary's."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from evalkit.config import ApiConfig
from evalkit.corpora import Corpus, Texts
from evalkit.embeddings.canary import canary_texts
from evalkit.embeddings.chunking import Chunks
from evalkit.embeddings.passes import entry_key
from evalkit.embeddings.store import EmbeddingStore
from evalkit.embeddings.timing import LATENCY_WARM_UP
from evalkit.encoders import Encoder, Side
from evalkit.encoders.hosted.encoder import COMPARED_TEXTS, WARM_UP_TEXT, HostedEncoder
from evalkit.encoders.hosted.token_bounds import estimated_tokens, most_tokens
from evalkit.errors import StoppedAsAskedError, UserError


@dataclass(frozen=True)
class Spending:
    """``texts`` still to be sent, how many ``tokens`` they have, about and at most, and ``usd`` for about as many.

    ``usd`` is null without a price. ``checked`` of the texts have stored vectors and are sent again as canaries.
    """

    texts: int
    tokens: int
    most_tokens: int
    usd: float | None
    checked: int = 0

    def __str__(self) -> str:
        cost = "no price is known" if self.usd is None else f"about ${self.usd:,.4f}"
        sent = f"{self.texts:,} texts to send, about {self.tokens:,} tokens (at most {self.most_tokens:,}): {cost}"
        return f"{sent}; {self.checked:,} of them to check stored vectors" if self.checked else sent


def estimate(
    store: EmbeddingStore,
    encoder: HostedEncoder,
    corpora: Iterable[tuple[Corpus, Chunks]],
    latency_calls: int,
    price: float | None,
) -> Spending:
    """What ``corpora`` still cost at ``price`` (US dollars per million tokens).

    Timed single queries, and texts that are sent again to check stored vectors, are counted.
    """
    texts = tokens = most = checked = 0
    is_loaded = False
    for corpus, chunks in corpora:
        sides: tuple[tuple[Side, Texts, int], ...] = (
            ("document", chunks.texts, 0),
            ("query", corpus.queries, latency_calls),
        )
        for side, each, calls in sides:
            prompt = getattr(encoder.config.prompts, side)
            missing = missing_rows(store, encoder, side, each)
            sent: Iterable[str]
            if missing is not None:
                is_loaded = True
                sent = of_pass(encoder, each, missing, calls)
            else:
                sent = canary_texts(each) if encoder.config.api.check_canary else []
                checked += len(sent)
            for text in sent:
                texts += 1
                tokens += estimated_tokens(prompt + text)
                most += most_tokens(prompt + text)
    if is_loaded:
        texts += encoder.config.api.parallel
        tokens += encoder.config.api.parallel * estimated_tokens(WARM_UP_TEXT)
        most += encoder.config.api.parallel * most_tokens(WARM_UP_TEXT)
    return Spending(texts, tokens, most, None if price is None else tokens / 1e6 * price, checked)


def missing_rows(store: EmbeddingStore, encoder: Encoder, side: Side, texts: Texts) -> list[int] | None:
    """The rows of ``texts`` that a pass would still encode; null where there would be no pass."""
    with store.entry(entry_key(store, encoder, side, texts)) as entry:
        is_whole = entry.meta() is not None
        done = entry.shards(store.shard_texts)
    missing = [row for row in range(len(texts)) if row // store.shard_texts not in done]
    return None if is_whole and not missing else missing


def of_pass(encoder: HostedEncoder, texts: Texts, missing: Sequence[int], calls: int) -> Iterator[str]:
    """Every text that a pass would send; those of timed calls, and those whose cuts are compared, again."""
    yield from (texts.texts[row] for row in missing)
    if calls:
        yield from (texts.texts[call % len(texts)] for call in range(-LATENCY_WARM_UP, calls))
    compared = encoder.config.api.compare_dims
    for _ in (None, *compared) if compared else ():
        yield from texts.texts[:COMPARED_TEXTS]


def agree(spending: Spending, name: str, api: ApiConfig) -> None:
    """Say what it will cost. Raises UserError beyond ``max_usd``, StoppedAsAskedError for a dry run."""
    if api.dry_run:
        raise StoppedAsAskedError(f"{name}: {spending}; dry run, nothing was sent")
    if not spending.texts:
        return
    sys.stderr.write(f"evalkit: {name}: {spending}\n")
    if api.max_usd is None:
        return
    if spending.usd is None:
        raise UserError(
            f"model.api.max_usd is set, but no price of {name} is known.", "Set model.api.usd_per_million_tokens."
        )
    if spending.usd > api.max_usd:
        unchecked = " model.api.check_canary=false takes stored vectors unchecked." if spending.checked else ""
        raise UserError(
            f"{name} would cost about ${spending.usd:,.4f}, more than model.api.max_usd={api.max_usd}.",
            f"Nothing was sent. Raise the limit, or take a smaller corpus.{unchecked}",
        )
