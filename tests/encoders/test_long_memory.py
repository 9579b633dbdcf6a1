"""Of a text far longer than a model reads, every reader makes what it made of the whole, in a few megabytes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest

from evalkit.arrays import FloatMatrix
from evalkit.config import RerankerConfig, RuntimeConfig
from evalkit.config.compose import compose
from evalkit.corpora import Texts
from evalkit.embeddings import chunks_of
from evalkit.encoders import long_texts
from evalkit.encoders.local import static
from evalkit.encoders.registry import load_encoder
from evalkit.lexical.bm25 import BM25
from evalkit.measures.memory import PeakMemory
from evalkit.rerankers.cross_encoder import CrossEncoder

WORDS = "red green blue apple pear house tree river stone cloud bird fish, "
LONG = (WORDS * 8_000)[:500_000]
WHOLE = 1 << 40  # characters that no text has
TEXTS = ["red tree", LONG, "blue river " * 40, LONG[1000:90_000], "x" * 100_000]
MOST_MB = 150
CPU = RuntimeConfig(kind="torch", device="cpu")


@dataclass(frozen=True)
class Reading:
    """What a reader made of some texts: numbers by text, and which it read in part."""

    numbers: FloatMatrix
    truncated: Sequence[bool]


Reader = Callable[[Sequence[str]], Reading]


def encoder(*words: str, runtime: str = "torch") -> Reader:
    found = load_encoder(compose("run", list(words)).model, RuntimeConfig(kind=runtime, device="cpu"))
    found.encode(["red", "green tree"], "document")

    def read(texts: Sequence[str]) -> Reading:
        encoded = found.encode(texts, "document")
        assert encoded.tokens is not None
        assert encoded.truncated is not None
        return Reading(np.column_stack([encoded.vectors, encoded.tokens]), encoded.truncated.tolist())

    return read


def tiny(tiny_model: Path, runtime: str) -> Reader:
    return encoder("model=local", f"model.path={tiny_model}", runtime=runtime)


def model2vec(folder: Path, *words: str) -> Reader:
    package = pytest.importorskip("model2vec")
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    known = ["[UNK]", *WORDS.replace(",", "").split()]
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(known)}, unk_token=known[0]))
    tokenizer.pre_tokenizer = Whitespace()
    table = np.random.default_rng(0).normal(size=(len(known), 256)).astype(np.float32)
    package.StaticModel(table, tokenizer).save_pretrained(str(folder))
    return encoder("model=potion-base", f"model.path={folder}", "model.native_dims=256", *words)


def reranker(folder: Path) -> Reader:
    found = CrossEncoder(RerankerConfig(name="tiny", path=str(folder)), CPU)
    found.score("red", ["green tree"])

    def read(texts: Sequence[str]) -> Reading:
        scored = found.score("red stone", texts)
        return Reading(scored.scores[:, None], scored.truncated.tolist())

    return read


def bm25(texts: Sequence[str]) -> Reading:
    found = BM25(texts)
    scores = [found.scores(found.read(query)) for query in ("red stone", "apple")]
    return Reading(np.stack(scores, axis=1), [False] * len(texts))


def chunking(tiny_model: Path) -> Reader:
    made = load_encoder(compose("run", ["model=local", f"model.path={tiny_model}"]).model, CPU)
    config = compose("run", ["chunking=tokens", "chunking.overlap=3"]).chunking

    def read(texts: Sequence[str]) -> Reading:
        chunks = chunks_of(Texts([str(i) for i in range(len(texts))], texts), made, config)
        lengths = np.array([len(text) for text in chunks.texts.texts], dtype=np.float32)
        return Reading(np.column_stack([lengths, chunks.document]), [])

    return read


READERS: dict[str, Callable[[Path, Path, Path], Reader]] = {
    "torch": lambda tiny_model, *_: tiny(tiny_model, "torch"),
    "openvino": lambda tiny_model, *_: tiny(tiny_model, "openvino"),
    "onnx": lambda tiny_model, *_: tiny(tiny_model, "onnx"),
    "int8 file": lambda *_: encoder("model=minilm-int8"),
    "wordllama": lambda *_: encoder("model=wordllama"),
    "model2vec": lambda _, __, folder: model2vec(folder),
    "model2vec with a limit": lambda _, __, folder: model2vec(folder, "model.max_length=50"),
    "reranker": lambda _, tiny_reranker, __: reranker(tiny_reranker),
    "bm25": lambda *_: bm25,
    "chunking": lambda tiny_model, *_: chunking(tiny_model),
}
READ_WHOLE = ("wordllama", "model2vec", "bm25", "chunking")
FLOAT32_SUMS = ("wordllama", "model2vec")  # how their libraries add up a hundred thousand tokens, and lose digits
PACKAGES = {"openvino": "openvino", "onnx": "onnx", "int8 file": "onnxruntime", "wordllama": "wordllama"}


@pytest.mark.parametrize("name", READERS)
def test_a_long_text_is_read_as_the_whole_in_little_memory(
    name: str, tiny_model: Path, tiny_reranker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name in PACKAGES:
        pytest.importorskip(PACKAGES[name])
    read = READERS[name](tiny_model, tiny_reranker, tmp_path)
    read(TEXTS[2:3])
    held = psutil.Process().memory_info().rss
    with PeakMemory() as memory:
        found = read(TEXTS)
    assert memory.peak_rss_bytes is None or memory.peak_rss_bytes - held < MOST_MB * 1e6
    if name not in READ_WHOLE:
        assert list(found.truncated[:2]) == [False, True]
    for module, constant in (
        (long_texts, "CHARACTERS_PER_TOKEN"),
        (long_texts, "GROUP_CHARACTERS"),
        (static, "PART_CHARACTERS"),
    ):
        monkeypatch.setattr(module, constant, WHOLE)
    monkeypatch.setattr(long_texts.tokens_by_part, "__defaults__", (WHOLE,))
    whole = read(TEXTS)
    loss = 1e-3 if name in FLOAT32_SUMS else 1e-5
    np.testing.assert_allclose(found.numbers, whole.numbers, rtol=loss, atol=loss)
    assert list(found.truncated) == list(whole.truncated)
