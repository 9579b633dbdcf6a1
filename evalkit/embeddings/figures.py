"""What encoding a corpus took, as columns of its points: speed, cores, tokens, memory; and why one of them is null."""

from evalkit.embeddings.corpus_embeddings import CorpusEmbeddings, Embeddings
from evalkit.embeddings.why_null import GIVEN
from evalkit.measures.cost import CPU
from evalkit.measures.latency import STATISTICS
from evalkit.measures.laws import COLUMNS as AT_WORKLOAD

TOKENS = ("tokens_per_document", "tokens_per_query")
MEMORY = ("peak_rss_bytes", "peak_gpu_bytes")


def encoding_speed(embeddings: CorpusEmbeddings) -> dict[str, float | None]:
    """Throughput on the documents as this machine has it: of the pass, or of a sample where another made them."""
    timing = embeddings.documents.timing
    speed = timing.texts_per_second if timing else None
    return {
        "documents_per_second": None if speed is None else speed / embeddings.chunks.per_document,
        "tokens_per_second": timing.tokens_per_second if timing else None,
    }


def encoding_cores(embeddings: CorpusEmbeddings) -> int | None:
    """How many cores encoding keeps busy: the encoder's threads; null where that isn't known, or is no CPU's matter."""
    timing, device = embeddings.documents.timing, embeddings.documents.model["device"]
    threads = timing.conditions.settings.get("threads") if timing and device == CPU else None
    return None if threads is None else int(threads)


def tokens_per_text(embeddings: CorpusEmbeddings) -> dict[str, float | None]:
    """The mean number of tokens that the model read of a document (all its chunks) and of a query, prompts included."""
    sides = (
        ("tokens_per_document", embeddings.documents.meta, embeddings.chunks.per_document),
        ("tokens_per_query", embeddings.queries.meta, 1.0),
    )
    return {
        name: None if m["tokens"] is None or not m["texts"] else m["tokens"] / m["texts"] * times
        for name, m, times in sides
    }


def encoding_memory(side: Embeddings) -> dict[str, int | None]:
    """Peak memory of the process and of the device while texts of ``side`` were timed."""
    return {name: getattr(side.timing, name, None) for name in MEMORY}


def why_untimed(embeddings: CorpusEmbeddings) -> dict[str, str]:
    """Why figures of encoding are null where nothing was timed on this machine."""
    of_documents = ("documents_per_second", "tokens_per_second", *MEMORY)
    of_queries = tuple(f"{what}_ms_{s}" for what in ("encode_query", "query") for s in STATISTICS)
    of_queries += tuple(name for name in AT_WORKLOAD if name.startswith("query_ms"))
    is_timed = embeddings.documents.timing is not None
    return {
        **({} if is_timed else dict.fromkeys((*of_documents, "encode_cores"), embeddings.documents.why_untimed)),
        **({} if len(embeddings.queries.latency_ms) else dict.fromkeys(of_queries, embeddings.queries.why_untimed)),
        **(dict.fromkeys(TOKENS, GIVEN) if embeddings.documents.are_given else {}),
    }
