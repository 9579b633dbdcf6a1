"""Figures of a query are told apart by their place alone: there is one order of queries, or nothing is measured."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evalkit.corpora import Corpus, Texts
from evalkit.embeddings import CorpusEmbeddings, Embeddings, EmbeddingStore, embed
from evalkit.embeddings.record import corpus_record
from tests.embeddings.test_passes import CountingEncoder, make_corpus


@pytest.fixture
def corpus() -> Corpus:
    return make_corpus()


@pytest.fixture
def embedded(tmp_path: Path, corpus: Corpus) -> CorpusEmbeddings:
    return embed(EmbeddingStore(str(tmp_path)), CountingEncoder(), corpus, 0)


def backwards(texts: Texts) -> Texts:
    return Texts(list(texts.ids)[::-1], list(texts.texts)[::-1])


def test_row_i_is_the_vector_of_text_i(embedded: CorpusEmbeddings, corpus: Corpus) -> None:
    for side, texts in ((embedded.documents, corpus.documents), (embedded.queries, corpus.queries)):
        assert list(side.texts.ids) == list(texts.ids)
        alone = [CountingEncoder().encode([text], side.side).vectors[0] for text in texts.texts]
        np.testing.assert_array_equal(side.vectors, alone)


def test_judgments_in_another_order_are_refused(tmp_path: Path, corpus: Corpus) -> None:
    judged_backwards = replace(corpus, qrels=dict(reversed(corpus.qrels.items())))
    with pytest.raises(ValueError, match="the vectors and the judgments of c are in different orders"):
        embed(EmbeddingStore(str(tmp_path)), CountingEncoder(), judged_backwards, 0)


def test_a_corpus_is_not_recorded_with_vectors_of_another_order(embedded: CorpusEmbeddings, corpus: Corpus) -> None:
    asked_backwards = replace(corpus, queries=backwards(corpus.queries))
    with pytest.raises(ValueError, match="the vectors and the queries of c are in different orders"):
        corpus_record(CountingEncoder(), asked_backwards, embedded)


def test_queries_in_another_order_are_encoded_in_that_order(tmp_path: Path, corpus: Corpus) -> None:
    store = EmbeddingStore(str(tmp_path))
    turned = replace(corpus, queries=backwards(corpus.queries), qrels=dict(reversed(corpus.qrels.items())))
    first, second = (embed(store, CountingEncoder(), some, 0).queries for some in (corpus, turned))
    assert list(first.texts.ids) == list(second.texts.ids)[::-1]
    np.testing.assert_array_equal(first.vectors, second.vectors[::-1])


def test_there_is_one_vector_for_each_text(embedded: CorpusEmbeddings, corpus: Corpus) -> None:
    side = embedded.queries
    with pytest.raises(ValueError, match="2 vectors of 25 texts"):
        Embeddings("query", corpus.documents, side.vectors, side.meta, None, cached=False)
