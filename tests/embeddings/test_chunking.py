"""Documents in chunks: no more tokens than asked for, nothing lost between them, and figures of whole documents."""

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.__main__ import main
from evalkit.config import ChunkingConfig, Prompts, RuntimeConfig, SentenceTransformersModel
from evalkit.config.compose import compose
from evalkit.corpora import Texts
from evalkit.embeddings.chunking import chunks_of, windows
from evalkit.encoders import Encoder, load_encoder
from evalkit.results.reader import StoredRun, read_run, stored_runs

TOKENS, SENTENCES = ChunkingConfig("tokens"), ChunkingConfig("sentences")
LONG = "red apple tree. green pear house. blue river stone! " * 6
WORDS = LONG.split()


@pytest.fixture
def encoder(tiny_model: Path) -> Encoder:
    """Reads 16 tokens, two of them [CLS] and [SEP]; every word of LONG is one token, every mark too."""
    config = SentenceTransformersModel(name="tiny", path=str(tiny_model), max_length=16)
    return load_encoder(config, RuntimeConfig(kind="torch"))


def documents(*texts: str) -> Texts:
    return Texts([f"d{i}" for i in range(len(texts))], texts)


def tokens(encoder: Encoder, text: str) -> int:
    return len(encoder.tokenizer.encode(text, add_special_tokens=False).ids)


def test_none_leaves_documents_as_they_are(encoder: Encoder) -> None:
    whole = documents(LONG, "red")
    chunks = chunks_of(whole, encoder, ChunkingConfig("none"))
    assert (chunks.name, chunks.texts, chunks.document, chunks.per_document) == ("none", whole, None, 1.0)


@pytest.mark.parametrize("config", [TOKENS, SENTENCES], ids=lambda c: c.kind)
def test_chunks_fill_what_the_model_reads_and_no_more(encoder: Encoder, config: ChunkingConfig) -> None:
    chunks = chunks_of(documents("red", LONG, "", "green pear"), encoder, config)
    texts = list(chunks.texts.texts)
    encoded = encoder.encode(texts, "document")
    assert not encoded.truncated.any()
    assert max(encoded.tokens) > 12
    assert " ".join(texts[1:-2]).split() == WORDS  # every word once and in order
    assert (texts[0], texts[-2:]) == ("red", ["", "green pear"])
    assert chunks.document.tolist() == [0, *[1] * (len(texts) - 3), 2, 3]
    assert chunks.texts.ids[:3] == ["d0", "d1#1", "d1#2"]
    assert chunks.per_document == len(texts) / 4
    assert chunks.name == f"{config.kind}(size=14, overlap=0)"


def test_the_prompt_has_its_room_in_every_chunk(encoder: Encoder) -> None:
    encoder.config.prompts = Prompts(document="passage : ")
    chunks = chunks_of(documents(LONG), encoder, TOKENS)
    assert chunks.name == "tokens(size=12, overlap=0)"
    assert not encoder.encode(list(chunks.texts.texts), "document").truncated.any()


@pytest.mark.parametrize("config", [TOKENS, SENTENCES], ids=lambda c: c.kind)
def test_size_and_overlap_are_counted_in_the_models_tokens(encoder: Encoder, config: ChunkingConfig) -> None:
    chunks = chunks_of(documents(LONG), encoder, replace(config, size=9, overlap=4))
    texts = list(chunks.texts.texts)
    assert max(tokens(encoder, text) for text in texts) <= 9
    shared = [common(one, other) for one, other in pairwise(texts)]
    assert 0 < max(tokens(encoder, " ".join(each)) for each in shared) <= 4
    assert set(WORDS) == set(" ".join(texts).split())


def common(one: str, other: str) -> list[str]:
    """The words that end ``one`` and begin ``other``."""
    a, b = one.split(), other.split()
    return next((a[-n:] for n in range(min(len(a), len(b)), 0, -1) if a[-n:] == b[:n]), [])


def test_sentences_stay_whole_where_they_fit(encoder: Encoder) -> None:
    texts = list(chunks_of(documents(LONG), encoder, SENTENCES).texts.texts)
    assert all(text.endswith((".", "!")) for text in texts)


def test_tokens_of_bytes_and_of_spaces_make_no_longer_and_no_empty_chunks(encoder: Encoder) -> None:
    """A byte-level tokenizer, as OpenAI's: several tokens for one character, tokens of spaces alone."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    alphabet = {letter: i for i, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(alphabet, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    vars(encoder)["tokenizer"] = tokenizer
    texts = ["日本語のテキストです。" * 5, "héllo😀" * 20, f"red{' ' * 100}tree", " \n" * 60]
    chunks = chunks_of(documents(*texts), encoder, replace(TOKENS, size=12, overlap=2))
    found = list(chunks.texts.texts)
    assert max(tokens(encoder, text) for text in found) <= 12
    assert set(chunks.document.tolist()) == {0, 1, 2, 3}
    assert [text for text, row in zip(found, chunks.document, strict=True) if row >= 2] == ["red", "tree", ""]


def test_a_word_of_more_than_a_chunk_is_cut(encoder: Encoder) -> None:
    word = "abcdefghij" * 5  # a token for each letter
    texts = list(chunks_of(documents(f"red {word} pear"), encoder, TOKENS).texts.texts)
    assert "".join("".join(texts).split()) == f"red{word}pear"
    assert max(tokens(encoder, text) for text in texts) <= 14


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.integers(1, 12), st.integers(0, 11))
def test_windows_cover_every_token_and_go_on(starts: list[bool], size: int, overlap: int) -> None:
    overlap = min(overlap, size - 1)
    found = list(windows(np.array([True, *starts[1:]]), size, overlap))
    assert found[0][0] == 0
    assert found[-1][1] == len(starts)
    for first, end in found:
        assert 0 < end - first <= size
    for (first, end), (next_first, next_end) in pairwise(found):
        assert first < next_first <= end < next_end
        assert end - next_first <= overlap


def test_any_text_can_be_split(encoder: Encoder) -> None:
    """No spaces, emoji of several code points, accents in two forms, right-to-left, NUL and lone surrogates."""
    texts = ["字" * 80, "👩‍👩‍👧‍👦" * 30, "e\u0301" * 60, "שלום " * 40, "a\0b " * 40, "\ud800 " * 40, " \n\t" * 50]
    chunks = chunks_of(documents(*(t.encode("utf-8", "replace").decode() for t in texts)), encoder, TOKENS)
    assert set(chunks.document.tolist()) == set(range(len(texts)))
    assert not encoder.encode(list(chunks.texts.texts), "document").truncated.any()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["chunking.size=15"], "chunking.size=15 is more than tiny reads: 16 tokens, 2 of them its own.*at most 14"),
        (["chunking.overlap=14"], "chunking.overlap=14 leaves nothing new in chunks of 14 tokens"),
        (["chunking.size=0"], "chunking.size=0 is not possible"),
        (["chunking.top_chunks=0"], "chunking.top_chunks=0 is not possible"),
        (["chunking.kind=token"], "Did you mean 'tokens'"),
    ],
)
def test_a_size_that_can_not_be_is_said(
    tiny_run: list[str], settings: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = [*tiny_run, "model.name=tiny", "model.max_length=16", "chunking=tokens", *settings]
    assert main(run) == 2
    assert_said(said, capsys.readouterr().err)


def test_a_size_without_a_way_to_split_is_said(tiny_run: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*tiny_run, "chunking.size=8"]) == 2
    assert_said("chunking.size is set, but chunking=none is chosen.*Add chunking=tokens", capsys.readouterr().err)


def assert_said(pattern: str, message: str) -> None:
    assert re.search(pattern, message, re.DOTALL), message


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("wordllama", "reads texts of any length.*chunking.size=<tokens>"),
        ("bm25", "leave out chunking"),
        ("gemini", r"gemini \(gemini-embedding-001\) has no tokenizer that is known.*model.tokenizer=<tokenizer.json"),
        ("openai-small", "Xenova/text-embedding-ada-002 is neither in the hub's cache nor available"),
    ],
)
def test_a_model_without_a_limit_or_a_tokenizer_says_what_to_give(
    model: str, said: str, colours: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = [f"corpus.beir.path={colours}", f"store.path={tmp_path / 's'}", f"results_dir={tmp_path / 'r'}"]
    assert main([f"model={model}", "corpus=beir", *places, "chunking=tokens"]) == 2
    assert_said(said, capsys.readouterr().err)


@pytest.mark.parametrize(("model", "size"), [("wordllama", 40), ("minilm-int8", 30), ("minilm", 30)])
def test_each_kind_of_model_splits_by_its_own_tokenizer(model: str, size: int, shared_data: Path) -> None:
    config = compose("run", [f"model={model}"])
    encoder = load_encoder(config.model, config.runtime)
    text = (shared_data / "cranfield" / "corpus.jsonl").read_text().splitlines()[0]
    for kind in ("tokens", "sentences"):
        chunks = chunks_of(documents(text), encoder, ChunkingConfig(kind, size=size))
        found = list(chunks.texts.texts)
        assert size * 0.5 < np.mean([tokens(encoder, each) for each in found]) <= size
        assert "".join("".join(found).split()) == "".join(text.split())


@pytest.fixture
def long_documents(write_beir: Callable[..., Path]) -> Path:
    """What answers stands at the end of each document, behind what the model reads."""
    filler = "house tree river stone " * 5
    answers = {f"d{i}": f"{filler}{word}" for i, word in enumerate(["red", "green", "blue", "apple", "pear", "fish"])}
    queries = {f"q{i}": text.split()[-1] for i, text in enumerate(answers.values())}
    return write_beir({**answers, "short": "cloud bird"}, queries, [(f"q{i}", f"d{i}", 1) for i in range(6)], "long")


def run(arguments: list[str], tmp_path: Path, name: str) -> StoredRun:
    assert main([*arguments, f"results_dir={tmp_path / name}"]) == 0
    return read_run(stored_runs(tmp_path / name)[-1])


def test_a_run_on_chunks_has_figures_of_whole_documents(
    tiny_run: list[str], long_documents: Path, tmp_path: Path
) -> None:
    settings = [*tiny_run, f"corpus.beir.path={long_documents}", "model.max_length=8"]
    cut = run(settings, tmp_path, "cut")
    chunked = run([*settings, "chunking=tokens"], tmp_path, "chunked")
    (before,), (after,) = cut.about["points"], chunked.about["points"]
    assert (before["chunking"], after["chunking"]) == ("none", "tokens(size=6, overlap=0)")
    assert (before["chunks_per_document"], after["chunks_per_document"]) == (1.0, (6 * 4 + 1) / 7)
    assert after["bytes_per_vector"] == before["bytes_per_vector"] == 128
    assert after["bytes_per_document"] == pytest.approx(128 * 25 / 7)
    assert after["corpus_fingerprint"] == before["corpus_fingerprint"]
    documents = next(e for e in chunked.about["embeddings"] if e["side"] == "document")
    assert (documents["texts"], documents["truncated_texts"]) == (25, 0)
    assert after["tokens_per_document"] == pytest.approx(documents["tokens"] / 7)
    assert after["documents_per_second"] == pytest.approx(documents["texts_per_second"] * 7 / 25)
    assert (len(cut.about["corpora"][0]["lint"]), len(chunked.about["corpora"][0]["lint"])) == (1, 0)
    assert chunked.about["corpora"][0]["documents"] == 7
    rankings = chunked.rankings()
    assert set(rankings["document_id"]) == {*(f"d{i}" for i in range(6)), "short"}
    assert not rankings.duplicated(["query_id", "document_id"]).any()


def test_fused_with_bm25_chunks_and_whole_documents_add_up_by_document(
    tiny_run: list[str], long_documents: Path, tmp_path: Path
) -> None:
    settings = [*tiny_run, f"corpus.beir.path={long_documents}", "chunking=tokens", "chunking.size=6"]
    found = run([*settings, "stages=bm25"], tmp_path, "fused")
    alone = run(["model=bm25", *tiny_run[3:], f"corpus.beir.path={long_documents}"], tmp_path, "bm25")
    dense, fused = found.about["points"]
    (lexical,) = alone.about["points"]
    assert fused["bytes_per_document"] == pytest.approx(dense["bytes_per_document"] + lexical["bytes_per_document"])
    assert fused["bytes_per_vector"] * 25 / 7 == pytest.approx(fused["bytes_per_document"])
    assert (fused["chunking"], lexical["chunking"]) == ("tokens(size=6, overlap=0)", "none")


def test_scores_are_those_of_the_best_chunks_by_sentence_transformers(
    tiny_run: list[str], tiny_model: Path, long_documents: Path, tmp_path: Path
) -> None:
    from sentence_transformers import SentenceTransformer

    settings = [*tiny_run, f"corpus.beir.path={long_documents}", "chunking=tokens", "chunking.size=6"]
    encoder = load_encoder(SentenceTransformersModel(name="t", path=str(tiny_model)), RuntimeConfig(kind="torch"))
    model = SentenceTransformer(str(tiny_model), device="cpu")
    filler = "house tree river stone " * 5
    chunks = chunks_of(documents(f"{filler}red"), encoder, ChunkingConfig("tokens", size=6))
    of_chunks = model.encode(list(chunks.texts.texts), normalize_embeddings=True) @ model.encode(
        "red", normalize_embeddings=True
    )
    for top_chunks in (1, 3):
        found = run([*settings, f"chunking.top_chunks={top_chunks}"], tmp_path, f"top{top_chunks}").rankings()
        score = found[(found["query_id"] == "q0") & (found["document_id"] == "d0")]["score"].item()
        assert score == pytest.approx(np.sort(of_chunks)[::-1][:top_chunks].mean(), abs=1e-5)


def test_a_second_run_on_chunks_encodes_nothing(tiny_run: list[str], long_documents: Path, tmp_path: Path) -> None:
    settings = [*tiny_run, f"corpus.beir.path={long_documents}", "chunking=sentences", "chunking.size=6"]
    first, again = (run(settings, tmp_path, name) for name in ("one", "two"))
    assert [e["cached"] for e in first.about["embeddings"]] == [False, False]
    assert [e["cached"] for e in again.about["embeddings"]] == [True, True]
    measures = ["nDCG@10", "R@10", "overlap@10"]
    assert first.points()[measures].equals(again.points()[measures])
