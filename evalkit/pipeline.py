"""The main hall: the whole story of a run. Encode each corpus once, then measure every point of the grid."""

from collections.abc import Generator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import psutil

from evalkit.config import Bm25Model, HostedModel, PricingConfig, RunConfig, VectorModel
from evalkit.config.check import check, dims_list
from evalkit.corpora import Corpus, load_corpus
from evalkit.embeddings import Chunks, EmbeddingStore, chunks_of, embed
from evalkit.embeddings.budgets import agree, estimate
from evalkit.embeddings.chunking import WHOLE
from evalkit.embeddings.inventory import prune
from evalkit.embeddings.passes import Progress, no_progress
from evalkit.embeddings.record import corpus_record
from evalkit.encoders import Encoder, load_encoder
from evalkit.encoders.encoder import reads_images
from evalkit.encoders.hosted.encoder import HostedEncoder
from evalkit.encoders.local.auto_runtime import AUTO, choose_runtime, named_runtime
from evalkit.errors import UserError
from evalkit.measures.cost import HOSTED, tariff
from evalkit.measures.depth import check_relevant
from evalkit.measures.quality import Judge, parse_measures
from evalkit.results.provenance import cpu
from evalkit.results.record import CorpusRecord, Measured
from evalkit.scaling.vectors import CorpusLaws
from evalkit.search import check_breadth, chunks_for, empty, operating_points
from evalkit.search.engines.faiss.devices import check_device
from evalkit.tasks.retrieval.lexical import evaluate_lexical, lexical_point
from evalkit.tasks.retrieval.reranking import load_reranking
from evalkit.tasks.retrieval.scoring import Contest
from evalkit.tasks.retrieval.vectors import Subject, points_at

BM25 = Bm25Model()


def evaluate(config: RunConfig, progress: Progress = no_progress) -> Generator[CorpusRecord | Measured, None, None]:
    """What is found, as soon as it is: a CorpusRecord for each corpus, then a Measured for each of its points.

    Raises UserError for whatever the user can mend; all configs and corpora are checked before any encoding.
    """
    check(config)
    check_device(config.search_device)
    use_threads(config.runtime.threads)
    measures = parse_measures(config.measures, config.top_k)
    reranking = load_reranking(config, progress)
    if not isinstance(config.model, VectorModel):
        corpora = load_corpora(config, measures)
        check_readers(config, None, corpora)
        yield from evaluate_lexical(config, corpora, measures, reranking)
        return
    model = with_price(config.model, config.pricing)
    encoder = load_encoder(model, named_runtime(config.runtime))
    all_dims = dims_list(config.dims, encoder.dims, model.name)
    corpora = load_corpora(config, measures)
    check_readers(config, encoder, corpora)
    chunked = [(corpus, chunks_of(corpus.documents, encoder, config.chunking)) for corpus in corpora]
    check_settings(config, all_dims, chunked)
    store = EmbeddingStore(config.store.path, config.store.shard_texts, config.store.dtype)
    if config.runtime.kind == AUTO:
        encoder = load_encoder(model, choose_runtime(model, config.runtime, chunked[0][1].texts.texts, store.path))
    if isinstance(encoder, HostedEncoder) and (encoder.device == HOSTED or encoder.api.dry_run):
        price = encoder.api.usd_per_million_tokens
        agree(estimate(store, encoder, chunked, config.runtime.latency_calls, price), model.name, encoder.api)
    for corpus, chunks in chunked:
        timed = config.runtime
        embeddings = embed(store, encoder, corpus, timed.latency_calls, progress, chunks, timed.timing_seconds)
        record = corpus_record(encoder, corpus, embeddings)
        yield reranking.noted(record) if reranking else record
        device = embeddings.documents.model["device"]
        prices = tariff(config.pricing, config.workload, model.name, device, cpu())
        contest = Contest(config, corpus, Judge(measures, corpus.qrels), prices)
        lexical = lexical_point(contest, BM25, config.top_k)[1] if config.model.fuse else None
        laws = CorpusLaws(config, embeddings.documents.vectors, store.path)
        subject = Subject(contest, encoder, embeddings, lexical, reranking, laws)
        advance = progress(f"{corpus.name} settings", len(all_dims) * len(config.quantization) * len(config.index))
        for dims in all_dims:
            yield from points_at(subject, dims, advance)
    if config.store.max_gb is not None:
        prune(store, max_bytes=int(config.store.max_gb * 1e9))


def with_price(model: VectorModel, pricing: PricingConfig) -> VectorModel:
    """The model with what its API costs: its own setting, else the list's; null where neither tells."""
    if not isinstance(model, HostedModel):
        return model
    listed = {price.name: price.usd_per_million_tokens for price in pricing.models.values()}
    own = model.api.usd_per_million_tokens
    return replace(model, api=replace(model.api, usd_per_million_tokens=listed.get(model.name) if own is None else own))


def load_corpora(config: RunConfig, measures: Mapping[str, Any]) -> list[Corpus]:
    """Every corpus. Raises UserError for two of one name, and where ``measures`` can't be computed on one of them."""
    corpora = [load_corpus(name, settings) for name, settings in config.corpus.items()]
    names = [c.name for c in corpora]
    if repeated := {n for n in names if names.count(n) > 1}:
        raise UserError(f"two corpora are called '{repeated.pop()}'.", "Name them: corpus.<key>.name=<another name>.")
    check_relevant(measures, [(corpus.name, corpus.qrels) for corpus in corpora], config.top_k)
    return corpora


def check_readers(config: RunConfig, encoder: Encoder | None, corpora: list[Corpus]) -> None:
    """Raises UserError where a part of the run can't read documents as they are to be: as images, or in chunks.

    ``encoder`` null stands for a model without vectors.
    """
    if encoder is None and config.chunking.kind != WHOLE:
        raise UserError(f"{config.model.name} reads documents whole, in any length.", "Leave out chunking.")
    corpus = next((corpus for corpus in corpora if corpus.documents.has_images), None)
    if corpus is None:
        return
    readers = {
        config.model.name: encoder is None or not reads_images(encoder),
        f"model.fuse={config.model.fuse}": config.model.fuse is not None,
        f"chunking={config.chunking.kind}": config.chunking.kind != WHOLE,
        f"reranker={config.reranker.name}": config.reranker.kind is not None,
    }
    if reader := next((name for name, of_texts in readers.items() if of_texts), None):
        raise UserError(f"{corpus.name} has images, and {reader} reads texts alone.", "Try model=clip, alone.")


def check_settings(config: RunConfig, all_dims: list[int], chunked: list[tuple[Corpus, Chunks]]) -> None:
    """Raises UserError for the first setting that can't be built for one of the corpora."""
    for dims, (corpus, chunks), (quantization_name, quantization), (index_name, index) in product(
        all_dims, chunked, config.quantization.items(), config.index.items()
    ):
        try:
            main, _ = empty(dims, len(chunks.texts), quantization, index)
            for point in operating_points(index_name, index, quantization, config.served):
                main.set_parameters(point.parameters)
                asked = deepest_search(config, point.candidates)
                check_breadth(point, chunks_for(asked, len(chunks.texts), len(corpus.documents)))
        except UserError as error:
            setting = f"quantization={quantization_name} index={index_name} dims={dims} on {corpus.name}"
            raise UserError(f"{setting}: {error.problem}", error.hint) from None


def deepest_search(config: RunConfig, candidates: int | None) -> int:
    """How many documents an index is asked for at most, to serve a user or to give a later stage what it reads."""
    reranked = config.reranker.depth if config.reranker.kind else 0
    fused = config.top_k if config.model.fuse else 0
    return max(candidates or config.served, reranked, fused)


def use_threads(threads: int | None) -> None:
    """FAISS gets as many OpenMP threads as the encoder: one per physical core unless set."""
    import faiss

    faiss.omp_set_num_threads(threads or psutil.cpu_count(logical=False) or 1)
