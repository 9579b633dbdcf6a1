"""Texts as a model's first module takes them: read once by sentence-transformers itself, then cut into batches.

Tokens are counted in what was read, so no text is tokenized twice. Where a tokenizer doesn't tell which texts it cut
(one that is not of the ``tokenizers`` library, or a processor of images), they are counted first and read by batch.
"""

from collections.abc import Iterator, Sequence
from threading import Lock
from typing import Any

import numpy as np

from evalkit.arrays import Rows
from evalkit.encoders.long_texts import groups
from evalkit.encoders.stopwatch import Stopwatch
from evalkit.encoders.tokenizers import token_counts

READ_AT_ONCE = ("input_ids", "attention_mask")


class Reading:
    """The ``texts`` of one call, which ``model`` (a SentenceTransformer) reads behind ``prompt``.

    ``tokens`` (int64) that the model sees and ``truncated`` (bool) are known of the rows that ``windows`` gave.
    ``clock`` runs while texts are read, as a server does, and not while tokens are only counted.
    """

    def __init__(self, model: Any, texts: Sequence[str], prompt: str, limit: int | None, clock: Stopwatch) -> None:
        self.model, self.texts, self.prompt, self.limit, self.clock = model, texts, prompt, limit, clock
        self.tokens = np.zeros(len(texts), dtype=np.int64)
        self.truncated = np.zeros(len(texts), dtype=np.bool_)
        self.place = np.full((len(texts), 2), -1, dtype=np.int64)  # of each row: its window, and where it is in it
        self.read: list[dict[str, Any]] = []
        self.tokenizer = Lock()  # the library's tokenizers can't be asked by two threads at once

    def windows(self) -> Iterator[Rows]:
        """Rows of like length, the longest first; each is read when it is drawn."""
        order = np.argsort([-len(text) for text in self.texts], kind="stable")
        start = 0
        for group in groups(self.texts[row] for row in order):
            rows = order[start : start + len(group)]
            start += len(group)
            with self.clock.running(), self.tokenizer:
                features = self.preprocess(group)
            self.keep(rows, group, features)
            yield rows

    def preprocess(self, texts: list[str]) -> Any:
        return self.model.preprocess(texts, prompt=self.prompt or None)

    def keep(self, rows: Rows, texts: list[str], features: Any) -> None:
        """Keep the ``features`` of ``rows``, or count their tokens where these don't tell them."""
        encodings = getattr(features, "encodings", None)
        is_whole = all(name in features and features[name].ndim == 2 for name in READ_AT_ONCE)
        if not (encodings and is_whole and len(encodings) == len(rows)):
            with self.tokenizer:
                counts = token_counts(self.model.tokenizer, [self.prompt + text for text in texts])
            limit = self.limit or int(max(counts, default=1))
            self.tokens[rows], self.truncated[rows] = np.minimum(counts, limit), counts > limit
            return
        self.tokens[rows] = features["attention_mask"].sum(dim=1).numpy()
        self.truncated[rows] = [bool(encoding.overflowing) for encoding in encodings]
        self.place[rows, 0], self.place[rows, 1] = len(self.read), np.arange(len(rows))
        self.read.append(dict(features))

    def features(self, batch: Rows) -> dict[str, Any]:
        """What the model takes of the rows of one ``batch``, padded to the longest of them."""
        windows = np.unique(self.place[batch, 0])
        if len(windows) > 1 or windows[0] < 0:
            with self.tokenizer:
                return dict(self.preprocess([self.texts[row] for row in batch]))
        window, rows = self.read[windows[0]], self.place[batch, 1]
        shape, width = window["input_ids"].shape, int(self.tokens[batch].max())
        is_left_padded = not bool(window["attention_mask"][:, 0].all())
        columns = slice(shape[1] - width, None) if is_left_padded else slice(width)
        return {
            name: value[rows][:, columns] if getattr(value, "shape", None) == shape else value
            for name, value in window.items()
        }
