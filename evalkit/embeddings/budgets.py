"""What a hosted model's bill will be, before the first request: texts that are not stored yet, and the canary's."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from evalkit.config import ApiConfig
from evalkit.corpora import Corpus, Texts
from evalkit.embeddings.canary import canary_texts
from evalkit.embeddings.chunking import Chunks
from evalkit.embeddings.entries.entry import Entry
from evalkit.embeddings.entries.sharing import open_shared
from evalkit.embeddings.entries.trust import Held, held
from evalkit.embeddings.passes import entry_key
from evalkit.embeddings.reuse import part_key, reusable
from evalkit.embeddings.reused_timing import timing_of_reused
from evalkit.embeddings.shards import Shards, missing_shards
from evalkit.embeddings.store import EmbeddingStore
from evalkit.embeddings.timing import LATENCY_WARM_UP
from evalkit.encoders import Encoder, Side
from evalkit.encoders.capabilities import BehindApi, ToSend, behind_api
from evalkit.encoders.refused_texts import named
from evalkit.errors import StoppedAsAskedError, UserError, say

TOLD_MINUTES = 2.0


@dataclass(frozen=True)
class Spending:
    """``texts`` still to be sent, how many ``tokens`` they have, about and at most, and ``usd`` for about as many.

    ``usd`` is null without a price. ``checked`` of the texts have stored vectors and are sent again as canaries.
    ``earlier_usd`` is what runs before that did not finish may have been billed.
    """

    texts: int
    tokens: int
    most_tokens: int
    usd: float | None
    checked: int = 0
    earlier_usd: float = 0.0

    def __str__(self) -> str:
        cost = "no price is known" if self.usd is None else f"about ${self.usd:,.4f}"
        sent = f"{self.texts:,} texts to send, about {self.tokens:,} tokens (at most {self.most_tokens:,}): {cost}"
        checks = f"; {self.checked:,} of them to check stored vectors" if self.checked else ""
        return f"{sent}{checks}{self.earlier}"

    @property
    def earlier(self) -> str:
        usd = self.earlier_usd
        return f"; runs before that did not finish spent up to ${usd:,.4f}" if usd else ""


def estimate(
    store: EmbeddingStore,
    encoder: Encoder,
    corpora: Iterable[tuple[Corpus, Chunks]],
    latency_calls: int,
    price: float | None,
    earlier_tokens: int = 0,
) -> Spending:
    """What ``corpora`` still cost at ``price`` (US dollars per million tokens); nothing for a model on this machine.

    Timed single queries, and texts that are sent again to check stored vectors, are counted. ``earlier_tokens`` may
    have been billed for runs before that did not finish.
    """
    api = behind_api(encoder)
    if api is None:
        return Spending(0, 0, 0, None)
    in_passes, in_checks = ToSend(), ToSend()
    is_loaded = False
    for corpus, chunks in corpora:
        sides: tuple[tuple[Side, Texts, int], ...] = (
            ("document", chunks.texts, 0),
            ("query", corpus.queries, latency_calls),
        )
        for side, texts, calls in sides:
            ahead = texts_ahead(store, encoder, side, texts, calls)
            if ahead is not None and (ahead.calls or len(ahead.shards)):
                is_loaded = True
                in_passes += api.to_send(texts_of_pass(api, texts, ahead, calls), side)
            if (ahead is None or ahead.reused) and api.checks_canary:
                in_checks += api.to_send(canary_texts(texts), side)
    sent = in_passes + in_checks + api.to_send_first(is_loaded)
    usd, earlier = (None, 0.0) if price is None else (sent.tokens / 1e6 * price, earlier_tokens / 1e6 * price)
    return Spending(sent.texts, sent.tokens, sent.most_tokens, usd, in_checks.texts, earlier)


@dataclass(frozen=True)
class ToEncode:
    """What a pass would still encode: ``shards``, without any where all texts are ``reused`` ones of other entries.

    ``calls`` says that single texts would be timed too, as far as a run times any.
    """

    shards: Shards
    reused: int = 0
    calls: bool = True


def texts_ahead(
    store: EmbeddingStore, encoder: Encoder, side: Side, texts: Texts, latency_calls: int
) -> ToEncode | None:
    """What a pass would still encode; null where there would be no pass.

    What this run is not told to pay for stays open until it ends, so that no other process removes it.
    """
    with store.entry(entry_key(store, encoder, side, texts)) as entry:
        stored = held_open(store, entry, len(texts))
        if stored.is_whole:
            return None
        measured = {index: shard.measured for index, shard in stored.shards.items()}
        missing = missing_shards(side, texts, store.shard_texts, measured)
        reuse = reusable(store, entry, missing, measured)
        if reuse is None:
            return ToEncode(missing)
    store.in_use += [source.file for source in reuse.sources]
    new = texts.at(reuse.new_rows)
    missing = missing_shards(side, new, store.shard_texts, ())
    if len(new):
        with store.entry(part_key(entry, new)) as part:
            missing = missing_shards(side, new, store.shard_texts, held_open(store, part, len(new)).shards)
    timing = timing_of_reused(reuse, encoder)
    is_timed = timing is not None and len(timing.latency_ms) >= latency_calls
    return ToEncode(missing, reuse.texts, calls=len(new) > 0 and not is_timed)


def held_open(store: EmbeddingStore, entry: Entry, rows: int) -> Held:
    """What of ``entry`` can be trusted, open until the run ends."""
    stored = held(entry, rows)
    if stored.shards:
        store.in_use.append(open_shared(entry.vectors_file))
    return stored


def texts_of_pass(api: BehindApi, texts: Texts, ahead: ToEncode, calls: int) -> Iterator[str]:
    """Every text that a pass would send; those of timed calls, and those whose cuts are compared, again.

    Raises UserError for texts that are never sent.
    """
    for shard in ahead.shards:
        try:
            api.check_texts(shard.texts)
        except UserError as error:
            raise named(error, shard.ids, shard.side) from None
        yield from shard.texts
    if calls and ahead.calls:
        yield from (texts.texts[call % len(texts)] for call in range(-LATENCY_WARM_UP, calls))
    yield from api.verified_texts(ahead.shards.texts.texts)


def agree(spending: Spending, name: str, api: ApiConfig) -> None:
    """Say what it will cost, and how long it waits.

    Raises UserError beyond ``max_usd``, StoppedAsAskedError for a dry run.
    """
    pace = said_of_pace(spending, api)
    if api.dry_run:
        raise StoppedAsAskedError(f"{name}: {spending}{pace}; dry run, nothing was sent")
    if not spending.texts:
        return
    say(f"evalkit: {name}: {spending}{pace}")
    if api.max_usd is None:
        return
    if spending.usd is None:
        raise UserError(
            f"model.api.max_usd is set, but no price of {name} is known.", "Set model.api.usd_per_million_tokens."
        )
    if spending.usd + spending.earlier_usd > api.max_usd:
        unchecked = " model.api.check_canary=false takes stored vectors unchecked." if spending.checked else ""
        raise UserError(
            f"{name} would cost about ${spending.usd:,.4f}, more than model.api.max_usd={api.max_usd}"
            f"{spending.earlier}.",
            f"Nothing was sent. Raise the limit, or take a smaller corpus.{unchecked}",
        )


def said_of_pace(spending: Spending, api: ApiConfig) -> str:
    """How long ``spending`` takes at least by the limits per minute of ``api``; empty for less than two minutes."""
    counts = {"tokens_per_minute": spending.tokens, "requests_per_minute": -(-spending.texts // api.batch_texts)}
    limited = [(count / limit, f"{name}={limit}") for name, count in counts.items() if (limit := getattr(api, name))]
    minutes, setting = max(limited, default=(0.0, ""))
    if minutes < TOLD_MINUTES:
        return ""
    hours, rest = divmod(round(minutes), 60)
    return f"; it waits for at least {f'{hours:,} h ' if hours else ''}{rest} min by model.api.{setting}"
