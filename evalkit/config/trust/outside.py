"""Which settings reach outside a run: they name code, a model, an address, a key, a file, or what may be spent.

The rest are numbers, and texts that choose among what evalkit has, are columns or labels, or are sent to where these
lead. Every setting that may be a text is in one of the two tables.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Place = tuple[str, ...]  # of a setting: ("corpus", "beir", "path")

OUTSIDE = (  # with all that is below; * is the key of a choice
    *("model.kind", "model.name", "model.revision", "model.weights_sha256", "model.package", "model.path"),
    *("model.documents", "model.queries", "model.document_ids", "model.query_ids"),
    *("model.tokenizer", "model.url", "model.api", "model.trust_remote_code", "model.allow_pickle"),
    *("corpus.*.path", "corpus.*.task", "corpus.*.root", "corpus.*.documents", "corpus.*.queries", "corpus.*.qrels"),
    *("corpus.*.train", "corpus.*.test", "corpus.*.pairs", "corpus.*.baskets", "corpus.*.questions"),
    *("quantization.*._target_", "quantization.*.options", "index.*.engine", "index.*.options"),
    *("index.*.url", "index.*.url_variable", "index.*.key_variable"),
    *("index.*.table", "index.*.id_column", "index.*.vector_column"),
    *("stages.*.name", "stages.*.revision", "stages.*.path", "stages.*.trust_remote_code", "stages.*.allow_pickle"),
    *("executor.kind", "executor.address", "store.path", "allow_code", "data_dir", "results_dir"),
)
PROMPTS = ("query", "document", "classification", "clustering", "similarity")
INSIDE = (
    *("task.*.kind", "dims", "measures", "search_device", "chunking.kind", "store.dtype"),
    *("corpus_sizes", "distractors"),
    *("model.licence", *(f"model.prompts.{name}" for name in PROMPTS), "model.pooling", "model.options.language"),
    *("corpus.*.source", "corpus.*.name", "corpus.*.split", "corpus.*.subset"),
    *("corpus.*.document_id", "corpus.*.document_title", "corpus.*.document_text", "corpus.*.document_image"),
    *("corpus.*.id", "corpus.*.text", "corpus.*.label", "corpus.*.first", "corpus.*.second", "corpus.*.score"),
    *("corpus.*.query_id", "corpus.*.query_text", "corpus.*.query_cluster"),
    *("corpus.*.qrels_query", "corpus.*.qrels_document", "corpus.*.qrels_score"),
    *("corpus.*.user", "corpus.*.item"),
    *("corpus.*.answer", "corpus.*.group"),
    *("quantization.*.faiss", "quantization.*.transform", "quantization.*.kind"),
    *("quantization.*.rescore.store", "quantization.*.rescore.factor", "quantization.*.rescore.candidates"),
    *("filter.field", "filter.values"),
    *("index.*.faiss", "index.*.binary"),
    *("stages.*.kind", "stages.*.model", "stages.*.licence"),  # only models without vectors are fused with
    *("runtime.kind", "runtime.device", "runtime.precision"),
    *("pricing.machine", "pricing.machines.*.gpu", "workload.storage"),
    *(
        f"pricing.{group}.*.{text}"
        for group in ("machines", "storage", "models")
        for text in ("name", "priced_on", "read_on", "source")
    ),
)
OF_ANY_KEY = ("quantization.*.options", "index.*.options", "model.api.extra.*")  # which are one value each
DATA_OF_CORPUS = (  # files that a fingerprint tells
    *("path", "documents", "queries", "qrels", "root"),
    *("train", "test", "pairs", "baskets", "questions"),
)


def outside(settings: Mapping[str, Any], above: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Place and value of every setting in ``OUTSIDE``."""
    for key, value in settings.items():
        place = (*above, key)
        if isinstance(value, Mapping) and not is_one_of(place, OF_ANY_KEY):
            yield from outside(value, place)
        elif any(is_at(place[: pattern.count(".") + 1], pattern) for pattern in OUTSIDE):
            yield place, value


def is_one_of(place: Place, patterns: Sequence[str]) -> bool:
    return any(is_at(place, pattern) for pattern in patterns)


def is_at(place: Place, pattern: str) -> bool:
    keys = pattern.split(".")
    return len(place) == len(keys) and all(key in ("*", own) for own, key in zip(place, keys, strict=True))


def value_at(settings: Any, place: Place) -> Any:
    """What is at ``place`` of nested dicts; null where nothing is."""
    for key in place:
        settings = settings.get(key) if isinstance(settings, Mapping) else None
    return settings


def put(settings: Any, place: Place, value: Any) -> None:
    """Set what is at ``place`` of nested dicts, which are made where they are missing."""
    for key in place[:-1]:
        if not isinstance(settings.get(key), dict):
            settings[key] = {}
        settings = settings[key]
    settings[place[-1]] = value
