"""run.json with one point, as far as a text to paste reads it."""

from dataclasses import asdict
from typing import Any

import numpy as np

from evalkit.config import IndexConfig, QuantizationConfig
from evalkit.config.compose import compose
from evalkit.config.input.files import group_choices
from evalkit.search import cut

DIMS, DOCUMENTS = 24, 400
CONFIG = compose("run", [f"quantization=[{','.join(group_choices('quantization'))}]", "index=[flat,hnsw,ivf]"])
PROMPTS = {"query": "query: ", "document": "passage: "}
ENCODER = {"name": "org/m", "kind": "onnx", "revision": "r1", "weights": "sha256:ab", "prompts": PROMPTS}
IDS = [f"d{row}" for row in range(DOCUMENTS)]


def vectors(rows: int, seed: int = 0, dims: int = DIMS) -> np.ndarray:
    return cut(np.random.default_rng(seed).normal(size=(rows, dims)).astype(np.float32), dims)


VECTORS, QUERIES = vectors(DOCUMENTS), vectors(8, seed=1)


def run_of(
    quantization: str = "float32",
    index: IndexConfig | None = None,
    index_word: str = "flat",
    *,
    changed: QuantizationConfig | None = None,
    **point: Any,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """run.json, and its point in ``quantization`` × ``index``, which is FAISS's of that word where none is given."""
    index = index or CONFIG.index[index_word]
    key = index_word if index.engine == "faiss" else f"{index.engine}_{index_word}"
    stored = {
        **{"task": "retrieval", "model": "org/m", "revision": "r1", "model_options": "", "corpus": "colours"},
        **{"corpus_fingerprint": "f", "chunking": "none", "dims": DIMS, "quantization": quantization},
        **{"engine": index.engine, "engine_version": "1.2", "index": index_word, "operating_point": "", "stages": ""},
        **{"top_k": 100, "serve_k": 10, "metric": "inner_product", "candidates": None},
        **point,
    }
    about = {
        "config": {
            "measures": ["nDCG@10"],
            "index": {key: asdict(index)},
            "quantization": {quantization: asdict(changed or CONFIG.quantization.get(quantization) or FLOAT32)},
            "model": {"pooling": "cls"},
        },
        "models": [{**ENCODER, "name": stored["model"], "native_dims": 48, "layer_norm": False, "max_length": 256}],
        "corpora": [{"name": "colours", "documents": DOCUMENTS}],
        "embeddings": [{"corpus": "colours", "side": "document", "texts": DOCUMENTS}],
        "points": [stored],
    }
    return about, stored


FLOAT32 = CONFIG.quantization["float32"]


def names_of(text: str) -> dict[str, Any]:
    """What a text of Python defines."""
    names: dict[str, Any] = {}
    exec(compile(text, "recipe", "exec"), names)  # noqa: S102
    return names
