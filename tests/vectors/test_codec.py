"""Quantized and back: against FAISS's own flat indexes, plain NumPy, and what each number of bits promises."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.config import IndexConfig, QuantizationConfig, RescoreConfig
from evalkit.config.checks.run import RESCORE_STORES
from evalkit.config.compose import compose
from evalkit.config.input.files import group_choices
from evalkit.errors import UserError
from evalkit.search import Searcher, Vectors, build, cut
from evalkit.vectors.codec import Codec, check_decodable, decoded, trained_codec
from evalkit.vectors.faiss_strings import FINER_COPIES

QUANTIZATIONS = compose("run", [f"quantization=[{','.join(group_choices('quantization'))}]"]).quantization
FLAT = IndexConfig("{quantization}")
ROWS = 320  # a multiple of the 32 that FAISS's fast scan stores together
GIVEN_BACK_BY_FAISS = ("float16", "bfloat16", "int8", "int6", "int4", "pq", "pq_fast", "opq", "rabitq")
ROUNDED = {"bfloat16": 2e-3, "pq_fast": 0.01}  # what search rounds of queries or tables for speed


def unit(rows: int, dims: int, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return cut(generator.normal(size=(rows, dims)) + 0.3 * generator.normal(size=dims), dims)


def codec(documents: np.ndarray, quantization: QuantizationConfig) -> Codec:
    return trained_codec(Vectors(documents, documents.shape[1]), quantization)


def searcher(documents: np.ndarray, quantization: QuantizationConfig) -> Searcher:
    return build(Vectors(documents, documents.shape[1]), np.arange(len(documents)), quantization, FLAT)


def back(documents: np.ndarray, quantization: QuantizationConfig) -> np.ndarray:
    return decoded(Vectors(documents, documents.shape[1]), quantization).vectors


@pytest.mark.parametrize("dims", [64, 50])
@pytest.mark.parametrize("name", QUANTIZATIONS)
def test_every_shipped_quantization_gives_vectors_back_and_keeps_the_bytes_of_its_flat_index(
    name: str, dims: int
) -> None:
    documents = unit(ROWS, dims)
    made = codec(documents, QUANTIZATIONS[name])
    codes = made.encode(documents)
    vectors = made.decode(codes)
    assert (vectors.shape, vectors.dtype) == (documents.shape, np.float32)
    assert (codes.shape, codes.dtype) == ((ROWS, made.bytes_per_vector), np.uint8)
    assert made.bytes_per_vector == searcher(documents, QUANTIZATIONS[name]).built.bytes_per_vector
    cosines = (vectors * documents).sum(axis=1) / np.linalg.norm(vectors, axis=1)
    assert cosines.mean() > 0.75


@pytest.mark.parametrize("dims", [64, 50])
@pytest.mark.parametrize("name", GIVEN_BACK_BY_FAISS)
def test_what_comes_back_is_what_faiss_reconstructs(name: str, dims: int) -> None:
    documents = unit(ROWS, dims)
    expected = searcher(documents, QUANTIZATIONS[name]).index.main.reconstruct(np.arange(ROWS))
    rounded = 1e-6 if name == "opq" else 0.0  # a product with a matrix, which some processors round by its shape
    np.testing.assert_allclose(back(documents, QUANTIZATIONS[name]), expected[:, :dims], rtol=0, atol=rounded)


@pytest.mark.parametrize("name", ["float32", "float16", "bfloat16", "int8", "int6", "int4", "pq", "pq_fast", "opq"])
def test_inner_products_with_what_comes_back_are_the_scores_of_a_search(name: str) -> None:
    documents, queries = unit(ROWS, 64), unit(9, 64, seed=1)
    ranking = searcher(documents, QUANTIZATIONS[name]).index.search(queries, ROWS)
    scores = np.take_along_axis(queries @ back(documents, QUANTIZATIONS[name]).T, ranking.rows, axis=1)
    np.testing.assert_allclose(ranking.scores, scores, atol=ROUNDED.get(name, 1e-5))


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize("dims", [64, 50])
def test_rabitq_comes_back_as_it_is_searched_up_to_a_constant_of_each_vector(dims: int, bits: int) -> None:
    documents, queries = unit(ROWS, dims), unit(9, dims, seed=1)
    quantization = QuantizationConfig(f"RaBitQ{bits}")
    made = searcher(documents, quantization)
    exact_queries(made)
    ranking = made.index.search(queries, ROWS)
    scores = np.empty_like(ranking.scores)
    np.put_along_axis(scores, ranking.rows, ranking.scores, axis=1)
    vectors = back(documents, quantization)
    np.testing.assert_allclose(scores - scores[0], (queries - queries[0]) @ vectors.T, atol=1e-5)
    assert np.linalg.norm(vectors - documents, axis=1).mean() < 2 * 2.0**-bits


def exact_queries(made: Searcher) -> None:
    """RaBitQ without rounding queries to four bits."""
    import faiss

    faiss.downcast_index(made.index.main.index).qb = 0


@pytest.mark.parametrize("bits", [8, 6, 4])
def test_a_scalar_is_off_by_half_a_step_of_its_range_at_most(bits: int) -> None:
    documents = unit(2_000, 32)
    half_a_step = (documents.max(axis=0) - documents.min(axis=0)) / (2**bits - 1) / 2
    error = np.abs(back(documents, QUANTIZATIONS[f"int{bits}"]) - documents)
    assert (error <= half_a_step + 1e-6).all()
    assert (error.max(axis=0) > half_a_step / 2).all()


def test_floats_come_back_as_their_type_rounds_them() -> None:
    documents = unit(ROWS, 40)
    np.testing.assert_array_equal(back(documents, QUANTIZATIONS["float32"]), cut(documents, 40))
    half = cut(documents, 40).astype(np.float16).astype(np.float32)
    np.testing.assert_array_equal(back(documents, QUANTIZATIONS["float16"]), half)
    brain = back(documents, QUANTIZATIONS["bfloat16"])
    assert (brain.view(np.uint32) & 0xFFFF == 0).all()
    assert (np.abs(brain - documents) <= np.abs(documents) * 2.0**-8).all()


@pytest.mark.parametrize("dims", [8, 50])
def test_signs_come_back_as_unit_vectors(dims: int) -> None:
    documents = unit(30, dims)
    expected = np.where(documents > 0, 1, -1) / np.sqrt(dims)
    np.testing.assert_allclose(back(documents, QUANTIZATIONS["binary"]), expected, atol=1e-7)


def test_what_comes_back_from_lsh_has_unit_length_and_the_signs_of_the_rotated_documents() -> None:
    documents = unit(30, 64)
    made = codec(documents, QUANTIZATIONS["lsh"])
    vectors = made.decode(made.encode(documents))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(made.encode(vectors), made.encode(documents))


@pytest.mark.parametrize("store", ["float32", "float16", "int8"])
@pytest.mark.parametrize("faiss", ["SQ4", "BFlat", "RaBitQ"])
def test_with_a_rescoring_store_the_finer_copy_comes_back_and_both_are_counted(faiss: str, store: str) -> None:
    documents = unit(ROWS, 50)
    both = decoded(Vectors(documents, 50), QuantizationConfig(faiss, RescoreConfig(store)))
    finer = decoded(Vectors(documents, 50), QUANTIZATIONS[store])
    np.testing.assert_array_equal(both.vectors, finer.vectors)
    codes = decoded(Vectors(documents, 50), QuantizationConfig(faiss))
    assert both.bytes_per_vector == codes.bytes_per_vector + finer.bytes_per_vector


def test_ranges_are_learned_from_documents_alone() -> None:
    documents = unit(ROWS, 16)
    made = codec(documents, QUANTIZATIONS["int8"])
    outside = made.decode(made.encode(np.full((1, 16), 5.0, np.float32)))[0]
    np.testing.assert_allclose(outside, documents.max(axis=0), atol=0.02)


def test_too_few_documents_are_refused_before_anything_is_encoded() -> None:
    with pytest.raises(UserError, match="at least 256 documents, there are 20"):
        check_decodable(64, 20, QUANTIZATIONS["pq"])


def test_codes_that_faiss_can_not_decode_are_refused_in_words() -> None:
    documents = unit(ROWS, 16)
    with pytest.raises(UserError, match="gives no vectors back"):
        back(documents, QuantizationConfig("SQ8", transform="PCAW8"))


OWN = """
import numpy as np

class Silent:
    def train(self, documents):
        self.documents = documents

    def search(self, queries, k):
        rows = np.argsort(-queries @ self.documents.T, axis=1)[:, :k]
        return np.take_along_axis(queries @ self.documents.T, rows, axis=1), rows

class Bytes(Silent):
    bytes_per_vector = 16

    def encode(self, vectors):
        return np.round((vectors + 1) * 127.5).astype(np.uint8)

    def decode(self, codes):
        return codes / 127.5 - 1
"""


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "codecs_of_mine.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.usefixtures("own_module")
def test_an_own_quantizer_with_encode_and_decode_is_a_codec() -> None:
    documents = unit(100, 16)
    made = decoded(Vectors(documents, 16), QuantizationConfig(_target_="codecs_of_mine.Bytes"))
    np.testing.assert_allclose(made.vectors, documents, atol=1 / 255 + 1e-6)
    assert made.bytes_per_vector == 16


@pytest.mark.usefixtures("own_module")
def test_an_own_quantizer_that_gives_no_vectors_back_is_refused_unless_a_finer_copy_does() -> None:
    own: dict[str, Any] = {"_target_": "codecs_of_mine.Silent"}
    with pytest.raises(UserError, match=r"it has no encode\(\) and decode\(\)"):
        check_decodable(16, 100, QuantizationConfig(**own))
    documents = unit(100, 16)
    made = decoded(Vectors(documents, 16), QuantizationConfig(rescore=RescoreConfig("float32"), **own))
    np.testing.assert_array_equal(made.vectors, cut(documents, 16))
    assert made.bytes_per_vector is None


def test_every_store_that_a_config_may_name_has_words_of_faiss() -> None:
    assert set(FINER_COPIES) == set(RESCORE_STORES)
