"""Texts per second against SentenceTransformer.encode with its defaults: same texts, same model, alternating, warm.

The gain comes from batches by token budget and from the runtime; so each runtime stands beside the nDCG@10 that its
vectors give on the whole corpus, because speed that costs quality is no gain. What bounds it is the machine: arithmetic
without padding is shown as a share of the quickest matrix product of that precision. The product takes turns with the
rest, for a machine's speed changes with its neighbours; ``ratio`` and ``share`` are medians of the rounds.
"""

import argparse
import statistics
import time
import timeit
from collections.abc import Callable
from functools import partial

import numpy as np
from reporting import report

from evalkit.config import IndexConfig, QuantizationConfig, RuntimeConfig
from evalkit.config.compose import compose
from evalkit.corpora import Corpus, load_corpus
from evalkit.encoders import load_encoder
from evalkit.encoders.local.runtimes import RUNTIMES
from evalkit.encoders.local.weights import local_folder
from evalkit.measures.quality import Judge, parse_measures
from evalkit.measures.ranking import tie_order
from evalkit.search import Vectors, build, cut

Encode = Callable[[list[str]], np.ndarray]
PEER = "SentenceTransformer.encode"
PRECISIONS = ("float32", "bf16")
WAYS = [("torch", "float32"), ("torch", "bf16"), ("openvino", "float32"), ("openvino", "bf16"), ("onnx", "float32")]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--corpus", required=True)
    arguments.add_argument("--texts", type=int, default=600, help="documents per timed round")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--quality", action="store_true", help="encode the whole corpus by every way for nDCG@10")
    options = arguments.parse_args()
    corpus = load_corpus("beir", {"source": "beir", "path": options.corpus})
    every = max(1, len(corpus.documents) // options.texts)
    texts = [corpus.documents.texts[i] for i in range(0, len(corpus.documents), every)][: options.texts]
    work = arithmetic(texts)
    ways = all_ways()
    products = {name: quickest_product(name, work) for name in PRECISIONS}
    calls = {**{name: partial(encode, texts) for name, encode in ways.items()}, **products}
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(options.rounds):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - started)
    rows = []
    for name, encode in ways.items():
        ratios = quotients(seconds[PEER], seconds[name])
        shares = quotients(seconds["bf16" if name.endswith("bf16") else "float32"], seconds[name])
        rows.append(
            {
                "way": name,
                "texts_per_second": len(texts) / statistics.median(seconds[name]),
                "ratio": statistics.median(ratios),
                "ratio_min": min(ratios),
                "ratio_max": max(ratios),
                "gflop_per_second": work / statistics.median(seconds[name]) / 1e9,
                "share": statistics.median(shares),
                "share_min": min(shares),
                "share_max": max(shares),
                "nDCG@10": ndcg(corpus, encode) if options.quality else None,
            }
        )
    reached = {name: work / statistics.median(seconds[name]) / 1e9 for name in products}
    print(f"quickest matrix product here: {', '.join(f'{p} {v:.0f} GFLOP/s' for p, v in reached.items())}")
    facts = {"corpus": corpus.name, "texts": len(texts), "rounds": options.rounds}
    report("encode", rows, **facts, matmul_gflop_per_second=reached)


def quotients(numerators: list[float], denominators: list[float]) -> list[float]:
    return [n / d for n, d in zip(numerators, denominators, strict=True)]


def all_ways() -> dict[str, Encode]:
    """Every way to encode that is installed, loaded and warm."""
    from sentence_transformers import SentenceTransformer

    model = compose("run", []).model
    peer = SentenceTransformer(str(local_folder(model) or model.name), device="cpu")
    ways: dict[str, Encode] = {PEER: lambda t: peer.encode(t, show_progress_bar=False)}
    for kind, precision in WAYS:
        if RUNTIMES[kind].installed:
            encoder = load_encoder(model, RuntimeConfig(kind=kind, precision=precision, device="cpu"))
            ways[f"evalkit {kind} {precision}"] = lambda t, e=encoder: e.encode(t, "document").vectors
    for encode in ways.values():
        encode(["a text to warm up with", "and another one"] * 8)
    return ways


def arithmetic(texts: list[str]) -> float:
    """Floating-point operations of the transformer over ``texts`` without any padding: linear layers and attention."""
    encoder = load_encoder(compose("run", []).model, RuntimeConfig(kind="torch", device="cpu"))
    tokens = encoder.encode(texts, "document").tokens.astype(float)
    shape = encoder.model[0].model.config
    linear = 4 * shape.hidden_size**2 + 2 * shape.hidden_size * shape.intermediate_size
    per_layer = 2 * linear * tokens.sum() + 4 * shape.hidden_size * (tokens**2).sum()
    return float(shape.num_hidden_layers * per_layer)


def quickest_product(precision: str, work: float) -> Callable[[], object]:
    """So many products as make ``work`` operations, of the shape of MiniLM's widest layer, by all threads.

    The quickest of NumPy's (OpenBLAS) and PyTorch's, at several numbers of rows.
    """
    import torch

    found = []
    for rows in (512, 1_024, 2_048, 8_192):
        left, right = torch.rand(rows, 384), torch.rand(1536, 384)
        if precision == "bf16":
            left, right = left.bfloat16(), right.bfloat16()
        calls: list[Callable[[], object]] = [partial(torch.nn.functional.linear, left, right)]
        if precision == "float32":
            calls.append(partial(np.matmul, left.numpy(), right.numpy().T))
        found += [(timeit.timeit(call, number=50) / rows, rows, call) for call in calls]
    _, rows, quickest = min(found, key=lambda each: each[0])
    return partial(timeit.timeit, quickest, number=max(1, round(work / (2 * rows * 384 * 1536))))


def ndcg(corpus: Corpus, encode: Encode) -> float:
    """nDCG@10 of exact search at the model's own width."""
    documents, queries = (encode(list(side.texts)) for side in (corpus.documents, corpus.queries))
    width = documents.shape[1]
    flat = (QuantizationConfig("Flat"), IndexConfig("{quantization}"))
    searcher = build(Vectors(documents, width), tie_order(corpus.documents.ids), *flat)
    ranking = searcher.rank(cut(queries, width), 100)
    judge = Judge(parse_measures(["nDCG@10"], 100), corpus.qrels)
    found = [[corpus.documents.ids[row] for row in rows] for rows in ranking.rows]
    return judge.score(dict(zip(corpus.queries.ids, found, strict=True))).mean["nDCG@10"]


if __name__ == "__main__":
    main()
