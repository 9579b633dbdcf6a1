"""BM25 in Lucene's variant by bm25s, with the stemmer and stopwords of the language: mteb's baseline for English.

Words of any script are read (see ``words``), whatever the language: it decides on stems and stopwords alone.
"""

from collections.abc import Sequence
from copy import copy
from importlib.metadata import version
from typing import Any

import numpy as np

from evalkit.arrays import Scores
from evalkit.errors import UserError, did_you_mean, require
from evalkit.lexical.words import is_plain, words

STEMMERS = {
    **{"da": "danish", "de": "german", "en": "english", "es": "spanish", "fr": "french", "it": "italian"},
    **{"nl": "dutch", "no": "norwegian", "pt": "portuguese", "ru": "russian", "sv": "swedish", "tr": "turkish"},
}
PACKAGES = ("bm25s", "Stemmer")


class BM25:
    """The documents' words in an inverted index. Raises UserError for an unknown language or a missing package."""

    engine_name = "bm25s"

    def __init__(self, documents: Sequence[str], language: str = "en", k1: float = 1.5, b: float = 0.75) -> None:
        for package in PACKAGES:
            require(package, "bm25", "model=bm25")
        if language not in STEMMERS:
            raise UserError(f"model.options.language={language} is unknown.", did_you_mean(language, STEMMERS))
        import bm25s
        import Stemmer

        self.options = {"language": language, "k1": k1, "b": b}
        self.stopwords = language if language != "da" else "danish"
        self.stemmer = Stemmer.Stemmer(STEMMERS[language])
        self.engine = bm25s.BM25(method="lucene", k1=k1, b=b)
        self.documents = len(documents)
        tokenized = self.tokenize(documents)
        self.is_plain = all(map(is_plain, documents))
        self.unread = [row for row, ids in enumerate(tokenized.ids) if not ids]
        self.tokens = sum(len(ids) for ids in tokenized.ids)
        with np.errstate(invalid="ignore"):  # the mean length of documents without any word is 0
            self.engine.index(tokenized, create_empty_token=False, show_progress=False)
        postings = sum(self.engine.scores[name].nbytes for name in ("data", "indices"))
        vocabulary = self.engine.scores["indptr"].nbytes + sum(len(w.encode()) for w in self.engine.vocab_dict)
        self.index_bytes = int(postings + vocabulary)
        self.bytes_per_document = postings / len(documents)

    def tokenize(self, texts: Sequence[str], as_ids: bool = True) -> Any:
        """The stems of each text; texts are read one by one, and none is kept."""
        import bm25s

        return bm25s.tokenize(
            (" ".join(words(text)) for text in texts),
            lower=False,
            token_pattern=r"\S+",  # noqa: S106
            stopwords=self.stopwords,
            stemmer=self.stemmer,
            return_ids=as_ids,
            show_progress=False,
        )

    def read(self, query: str) -> list[str]:
        stems: list[str] = self.tokenize([query], as_ids=False)[0]
        return stems

    def query_tokens(self, query: str) -> int:
        return len(self.read(query))

    def scores(self, read: list[str]) -> Scores:
        known = [word for word in read if word in self.engine.vocab_dict]
        if not known:
            return np.zeros(self.engine.scores["num_docs"], dtype=np.float32)
        scores: Scores = self.engine.get_scores(known)
        return scores

    def repeated(self, copies: int) -> "BM25":
        """Weights stay what they are: copies change neither the share of documents with a word nor their lengths."""
        kept = self.engine.scores
        many = copy(self)
        many.documents = self.documents * copies
        many.engine = copy(self.engine)
        many.engine.scores = {
            **kept,
            "data": np.repeat(kept["data"], copies),
            "indices": (kept["indices"][:, None] * copies + np.arange(copies)).ravel().astype(kept["indices"].dtype),
            "indptr": (kept["indptr"].astype(np.int64) * copies).astype(kept["indptr"].dtype),
            "num_docs": many.documents,
        }
        return many

    def revision(self) -> str:
        read = "" if self.is_plain else ", words of all scripts"  # which changes nothing where texts are plain
        return f"bm25s {version('bm25s')}{read} {self.options}"
