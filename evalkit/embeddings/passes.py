"""One encoding pass per side of a corpus: planned from what the store has, run by an executor, kept, timed, checked."""

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from evalkit.corpora import Corpus, Texts
from evalkit.embeddings.canary import check_canary
from evalkit.embeddings.chunking import Chunks, whole
from evalkit.embeddings.corpus_embeddings import CorpusEmbeddings, Embeddings
from evalkit.embeddings.entries.entry import Entry
from evalkit.embeddings.entries.text_records import text_records
from evalkit.embeddings.executors import Executor
from evalkit.embeddings.executors.local import Local
from evalkit.embeddings.inventory import key_in
from evalkit.embeddings.pruning import remove_entry
from evalkit.embeddings.reuse import Source, copy_shards, part_key, reusable
from evalkit.embeddings.reused_timing import adopt_timing
from evalkit.embeddings.shards import EncodedShard, Shards, missing_shards, rows_of
from evalkit.embeddings.store import EmbeddingStore, trusted
from evalkit.embeddings.throughput import Watched
from evalkit.embeddings.timing import TimingPlan, now, timing_of, total
from evalkit.embeddings.vector_checks import check_vectors
from evalkit.encoders import Advance, Encoder, Side
from evalkit.encoders.capabilities import behind_api, max_length, verification
from evalkit.encoders.refused_texts import PLURAL
from evalkit.encoders.width import check_width
from evalkit.errors import UserError
from evalkit.system.busy import Figures, MachineLoad

VERIFIED_TEXTS = 64
GOES_ON = "kept; the same command goes on from there."
NO_EXECUTOR = "executor=local does without that executor."

Progress = Callable[[str, int], Advance]
Measured = dict[str, Any]


def no_progress(what: str, total: int) -> Advance:
    return lambda n: None


def embed(
    store: EmbeddingStore,
    encoder: Encoder,
    corpus: Corpus,
    latency_calls: int = 200,
    progress: Progress = no_progress,
    chunks: Chunks | None = None,
    timing_seconds: float = 10.0,
    executor: Executor | None = None,
) -> CorpusEmbeddings:
    """The embeddings of ``corpus`` by ``encoder``: from ``store`` where they are, else encoded into it.

    Its documents are encoded as ``chunks``; null is each of them whole. ``executor`` encodes what is missing; null is
    this process. Where vectors are there and no timing of this machine is, a sample of the texts is timed for about
    ``timing_seconds``; 0 times nothing.

    Raises UserError where the model gives a vector that is not finite, all zeros or of the wrong width, and where the
    executor gives a shard back twice or never.
    """
    chunks = chunks or whole(corpus.documents)
    sides: Mapping[Side, Texts] = {"document": chunks.texts, "query": corpus.queries}
    plan = TimingPlan(latency_calls, timing_seconds)
    by_side = embed_sides(store, encoder, executor or Local(), corpus.name, sides, plan, progress)
    return embeddings_of(corpus, chunks, by_side)


def embed_sides(
    store: EmbeddingStore,
    encoder: Encoder,
    executor: Executor,
    name: str,
    sides: Mapping[Side, Texts],
    plan: TimingPlan,
    progress: Progress = no_progress,
) -> dict[Side, Embeddings]:
    """The embeddings of each of ``sides``, in order; ``name`` is what progress calls them. Single calls are of queries.

    Raises UserError as ``embed`` does.
    """
    calls: dict[Side, int] = {"document": 0, "query": plan.latency_calls}
    by_side: dict[Side, Embeddings] = {}
    for side, texts in sides.items():
        if not len(texts):
            continue
        plan_of_side = replace(plan, latency_calls=calls[side])
        advance = progress(f"{PLURAL[side]} of {name}", len(texts))
        try:
            by_side[side] = embed_side(store, encoder, executor, side, texts, plan_of_side, advance)
        except UserError as error:
            raise with_kept(error, {side: len(by_side[side].texts) for side in by_side}, sides) from None
    return by_side


def with_kept(error: UserError, kept: Mapping[Side, int], sides: Mapping[Side, Texts]) -> UserError:
    """``error``, which also says how many texts of a side are ``kept``; as it is where that is said or none are."""
    if GOES_ON in error.hint or not any(kept.values()):
        return error
    counts = [f"{texts:,} of {len(sides[side]):,} {PLURAL[side]}" for side, texts in kept.items() if texts]
    return UserError(error.problem, f"{error.hint} {' and '.join(counts)} are {GOES_ON}".lstrip())


def embeddings_of(corpus: Corpus, chunks: Chunks, by_side: Mapping[Side, Embeddings]) -> CorpusEmbeddings:
    """Both sides of one corpus, rows in the order of its ids. A side that is not there has no texts."""
    documents = by_side["document"]
    queries = by_side["query"] if "query" in by_side else documents.without_texts("query")
    embeddings = CorpusEmbeddings(chunks, documents, queries)
    embeddings.check_order(corpus)
    return embeddings


def embed_side(
    store: EmbeddingStore,
    encoder: Encoder,
    executor: Executor,
    side: Side,
    texts: Texts,
    plan: TimingPlan,
    advance: Advance,
) -> Embeddings:
    """Run what the store lacks of a pass, time it here, and compare what an API gives today with what is stored."""
    api = behind_api(encoder)
    if api:
        plan = replace(plan, sample_seconds=0.0)  # a sample of its texts would cost what no estimate said
    with store.entry(entry_key(store, encoder, side, texts)) as entry:
        stored = trusted(entry, len(texts))
        is_cached = stored.is_whole
        measured = {index: shard.measured for index, shard in stored.shards.items()}
        try:
            meta = stored.meta or {}
            load: Figures = {}
            watched = Watched(executor)
            encoded = measured
            if not is_cached:
                missing = missing_shards(side, texts, store.shard_texts, measured)
                with MachineLoad() as around:
                    meta, encoded = complete(store, entry, encoder, watched, missing, measured, advance)
                load = around.figures
            elif not stored.is_told and entry.is_writable:
                entry.renew_texts(stored.shards.values(), text_records(texts.digests, None))
            if entry.is_writable:
                store.list_entry(entry)
            in_order = [encoded[index] for index in sorted(encoded)]
            timing = timing_of(entry, encoder, side, texts, in_order, plan, not is_cached, load)
        except UserError as error:
            kept = sum(shard["texts"] for shard in measured.values())
            raise with_kept(error, {side: kept}, {side: texts}) from None
        vectors = entry.read()
    if api:
        # From the texts, not from the store: older entries hold estimates that were too small, and unasked zeros.
        meta = {**meta, "truncated_rows": rows_of(api.may_be_cut(texts.texts, side), 0)}
    else:  # an API's own width may change, which its canary tells
        check_width(encoder.config, vectors.shape[1])
    is_of_before = is_cached or meta.get("reused_texts", 0) > 0
    check = check_canary(encoder, side, texts, vectors) if is_of_before and api and api.checks_canary else None
    sent = api.take_sent() if api and api.is_billed else None
    return Embeddings(side, texts, vectors, meta, timing, is_cached, check, sent, throughput=watched.throughput)


def entry_key(store: EmbeddingStore, encoder: Encoder, side: Side, texts: Texts) -> dict[str, Any]:
    """Everything that decides the stored vectors of ``texts``."""
    kept = {"texts": texts.fingerprint, "shard_texts": store.shard_texts, "dtype": store.dtype}
    return {**encoder.identity(side), **kept}


def complete(
    store: EmbeddingStore,
    entry: Entry,
    encoder: Encoder,
    executor: Executor,
    missing: Shards,
    measured: dict[int, Measured],
    advance: Advance,
) -> tuple[dict[str, Any], dict[int, Measured]]:
    """Make the ``missing`` shards of ``entry``: copied where an earlier entry has their texts, else encoded.

    Texts that none has are encoded as an entry of their own, in full shards wherever they stand, and go with it once
    they are copied. Gives the meta, and what was measured on shards that were encoded. ``measured`` as in ``run_pass``.
    """
    side, texts = missing.side, missing.texts
    if entry.open_vectors((len(texts), encoder.dims)):
        measured.clear()
        missing = missing_shards(side, texts, missing.rows_per_shard, measured)
    store.list_entry(entry)
    reuse = reusable(store, entry, missing, measured, encoder.dims)
    if reuse is None:
        remove_parts(store, entry)
        return run_pass(entry, encoder, executor, missing, measured, advance), measured
    advance(len(texts) - len(reuse.new_rows))
    encoded: dict[int, Measured] = {}
    earlier, reused = reuse.main_source.meta, len(reuse.sources)
    if len(reuse.new_rows):
        new = texts.at(reuse.new_rows)
        try:
            part, meta_of_new = encode_part(store, part_key(entry, new), encoder, executor, side, new, encoded, advance)
        except UserError as error:
            kept = len(texts) - len(new) + sum(shard["texts"] for shard in encoded.values())
            raise with_kept(error, {side: kept}, {side: texts}) from None
        reuse, earlier = reuse.with_new(part), earlier or meta_of_new
    adopt_timing(reuse, entry, encoder)
    copy_shards(entry, missing, reuse, reused, measured)
    in_order = [measured[index] for index in sorted(measured)]
    of_model = earlier or said_of_vectors(encoder, side, texts, in_order)
    remove_parts(store, entry)  # before the entry is whole, after which nobody would look for them
    return entry.finish({**of_model, **said_of_shards(in_order)}), encoded


def encode_part(
    store: EmbeddingStore,
    key: Mapping[str, Any],
    encoder: Encoder,
    executor: Executor,
    side: Side,
    new: Texts,
    encoded: dict[int, Measured],
    advance: Advance,
) -> tuple[Source, dict[str, Any]]:
    """The entry of ``key``, whole, and its meta: what of it is stored already is not encoded again."""
    with store.entry(key) as part:
        stored = trusted(part, len(new))
        encoded |= {index: shard.measured for index, shard in stored.shards.items()}
        meta = stored.meta
        if meta is None or not stored.is_whole:
            missing = missing_shards(side, new, store.shard_texts, encoded)
            meta = run_pass(part, encoder, executor, missing, encoded, advance)
        else:
            advance(len(new))
        store.list_entry(part)
        source = Source.open(part.folder, part.model)
    if source is None:
        raise UserError(f"{part.folder} was changed while it was made.", "Run the same command again.")
    return source, meta


def remove_parts(store: EmbeddingStore, entry: Entry) -> None:
    """Remove what was encoded for ``entry`` alone, also by earlier passes that were killed."""
    for folder in store.of_model(entry):
        if key_in(folder).get("part_of") == entry.name:
            remove_entry(store, folder.name)


def run_pass(
    entry: Entry,
    encoder: Encoder,
    executor: Executor,
    missing: Shards,
    measured: dict[int, Measured],
    advance: Advance,
) -> dict[str, Any]:
    """Encode the ``missing`` shards, keep each as it arrives, and mark the entry as whole; gives its meta.

    ``measured`` is what was measured on each shard, by index, and is told of those that are encoded now.
    """
    side, texts = missing.side, missing.texts
    if entry.open_vectors((len(texts), encoder.dims)):
        measured.clear()
        missing = missing_shards(side, texts, missing.rows_per_shard, measured)
    advance(len(texts) - sum(len(missing.rows(index)) for index in missing.indices))
    for shard in each_once(executor.run(encoder, missing, advance), missing):
        rows = missing.rows(shard.index)
        check_vectors(shard.encoded.vectors, encoder, [texts.ids[row] for row in rows])
        of_shard = {**shard.measured(rows.start), "encoded_at": now()}
        records = text_records(texts.digests[rows.start : rows.stop], shard.encoded.tokens)
        entry.write_shard(shard.index, rows.start, shard.encoded.vectors, of_shard, records)
        measured[shard.index] = of_shard
    return entry.finish(said_of_vectors(encoder, side, texts, [measured[index] for index in sorted(measured)]))


def each_once(arriving: Iterable[EncodedShard], planned: Shards) -> Iterator[EncodedShard]:
    """The shards as they arrive. Raises UserError for one that comes twice or was not planned, and for a lost one."""
    awaited = set(planned.indices)
    for shard in arriving:
        if shard.index not in awaited:
            defect = "twice" if shard.index in planned.indices else "though it was not planned"
            raise UserError(
                f"the executor gave back shard {shard.index} of the {planned.side} side {defect}.", NO_EXECUTOR
            )
        awaited.remove(shard.index)
        yield shard
    if awaited:
        lost = f"{len(awaited)} of {len(planned)} shards of the {planned.side} side, the first is shard {min(awaited)}"
        raise UserError(f"the executor never gave back {lost}.", NO_EXECUTOR)


def said_of_vectors(encoder: Encoder, side: Side, texts: Texts, measured: Sequence[Measured]) -> dict[str, Any]:
    """What a finished pass says of its vectors; how quick it was belongs to a machine and is kept apart."""
    return {
        **said_of_shards(measured),
        "dims": encoder.dims,
        "max_length": max_length(encoder),
        "model": encoder.describe(),
        "verification": verification(encoder, list(texts.texts[:VERIFIED_TEXTS]), side),
    }


def said_of_shards(measured: Sequence[Measured]) -> dict[str, Any]:
    """The sum of what was measured on all shards of a pass, which ends here and now."""
    reused = sum(shard.get("reused_texts", 0) for shard in measured)
    return {
        "created_at": max(shard.get("encoded_at") or now() for shard in measured),
        "texts": sum(shard["texts"] for shard in measured),
        "tokens": total([shard["tokens"] for shard in measured]),
        "truncated_rows": all_rows([shard["truncated_rows"] for shard in measured]),
        "machine": platform.node(),
        **({"reused_texts": reused} if reused else {}),
    }


def all_rows(shards: Sequence[list[int] | None]) -> list[int] | None:
    """The rows of all shards, ascending; null where they are not known of one."""
    known = [rows for rows in shards if rows is not None]
    return sorted(row for rows in known for row in rows) if len(known) == len(shards) else None
