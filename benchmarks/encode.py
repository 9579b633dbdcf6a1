"""Texts per second against SentenceTransformer.encode with its defaults: same texts, same model, alternating, warm.

The gain comes from batches by token budget and from the runtime; so each runtime stands beside the nDCG@10 that its
vectors give on the whole corpus, because speed that costs quality is no gain. What bounds it is the machine: arithmetic
without padding is shown beside the quickest matrix product of that precision that any library here reaches.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import psutil
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
    ways = all_ways()
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(options.rounds):
        for name, encode in ways.items():
            started = time.perf_counter()
            encode(texts)
            seconds[name].append(time.perf_counter() - started)
    baseline = seconds["SentenceTransformer.encode"]
    work = arithmetic(texts)
    rows = []
    for name, encode in ways.items():
        ratios = [b / s for b, s in zip(baseline, seconds[name], strict=True)]
        rows.append(
            {
                "way": name,
                "texts_per_second": len(texts) / statistics.median(seconds[name]),
                "ratio": statistics.median(ratios),
                "ratio_min": min(ratios),
                "ratio_max": max(ratios),
                "gflop_per_second": work / statistics.median(seconds[name]) / 1e9,
                "nDCG@10": ndcg(corpus, encode) if options.quality else None,
            }
        )
    ceiling = {precision: matmul_gflop_per_second(precision) for precision in ("float32", "bf16")}
    for row in rows:
        precision = "bf16" if row["way"].endswith("bf16") else "float32"
        row["share_of_matmul"] = row["gflop_per_second"] / ceiling[precision]
    print(f"quickest matrix product here: {', '.join(f'{p} {v:.0f} GFLOP/s' for p, v in ceiling.items())}")
    facts = {"corpus": corpus.name, "texts": len(texts), "rounds": options.rounds}
    report("encode", rows, **facts, matmul_gflop_per_second=ceiling)


def all_ways() -> dict[str, Encode]:
    """Every way to encode that is installed, loaded and warm."""
    from sentence_transformers import SentenceTransformer

    model = compose("run", []).model
    peer = SentenceTransformer(str(local_folder(model) or model.name), device="cpu")
    ways: dict[str, Encode] = {"SentenceTransformer.encode": lambda t: peer.encode(t, show_progress_bar=False)}
    cores = psutil.cpu_count(logical=False) or 1
    for kind, precision in WAYS:
        for each in (None, cores) if kind == "openvino" else (None,):
            if RUNTIMES[kind].installed:
                runtime = RuntimeConfig(kind=kind, precision=precision, device="cpu", threads_per_stream=each)
                name = f"evalkit {'1 stream ' if each else ''}{kind} {precision}"
                encoder = load_encoder(model, runtime)
                ways[name] = lambda t, e=encoder: e.encode(t, "document").vectors
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


def matmul_gflop_per_second(precision: str, rows: int = 2_048, rounds: int = 10) -> float:
    """The best of NumPy's (OpenBLAS) and PyTorch's product of the shape that MiniLM's widest layer has."""
    import torch

    left, right = torch.rand(rows, 384), torch.rand(1536, 384)
    if precision == "bf16":
        left, right = left.bfloat16(), right.bfloat16()
    calls: list[Callable[[], object]] = [lambda: torch.nn.functional.linear(left, right)]
    if precision == "float32":
        arrays = left.numpy(), right.numpy().T
        calls.append(lambda: arrays[0] @ arrays[1])
    best = float("inf")
    for call in calls:
        for _ in range(rounds):
            started = time.perf_counter()
            call()
            best = min(best, time.perf_counter() - started)
    return 2 * rows * 384 * 1536 / best / 1e9


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
