"""BM25 as a retriever: its laws are kept by the documents that it was measured among."""

from evalkit.corpora import Corpus, Texts
from evalkit.corpora.samples import samples
from evalkit.tasks.retrieval.lexical import identity


def corpus(name: str, documents: int, word: str) -> Corpus:
    texts = Texts([f"d{n}" for n in range(documents)], [f"{word} {n}" for n in range(documents)])
    return Corpus(name, texts, Texts(["q0"], [word]), {"q0": {"d0": 1}}, {}, ())


def test_kept_laws_of_a_sample_are_those_of_its_own_documents() -> None:
    own, other, third = corpus("own", 6, "red"), corpus("other", 9, "blue"), corpus("third", 9, "green")
    whole = identity("bm25", own, 10)
    assert whole == {"lexical": "bm25", "corpus": own.fingerprint, "depth": 10}
    sized = [*samples(own, [4, 8, 12], other), *samples(own, [8], third)]
    keys = [whole, *(identity("bm25", sample, 10) for sample in sized)]
    assert all(key not in keys[:n] for n, key in enumerate(keys))
    (again,) = samples(own, [8], other)
    assert identity("bm25", again, 10) == keys[2]
