"""Scores of pairs on disk: no pair is read twice, whichever setting found it, and a killed run goes on.

One SQLite file beside the embeddings for each reranker as it was run, with a row per pair, by the texts' sha256, and
one per timed call.
"""

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.errors import UserError
from evalkit.rerankers.cross_encoder import PairScores
from evalkit.system.digests import name_of_key

SCHEMA = """
create table if not exists scores (query blob, document blob, score real, truncated integer,
                                   primary key (query, document)) without rowid;
create table if not exists calls (machine text, corpus text, documents integer, ms real);
"""
LOCK_WAIT_S = 60.0


class ScoreStore:
    """The scores of one reranker in ``folder``. Raises UserError where its file can't be read or written."""

    def __init__(self, folder: Path, identity: Mapping[str, Any], conditions: str) -> None:
        """``conditions`` is the key of the machine, threads and batches: calls are timed, and counted, under it."""
        self.conditions = conditions
        self.file = folder / f"reranker-{name_of_key(identity)}.sqlite"
        folder.mkdir(parents=True, exist_ok=True)
        with self.connection() as connection:
            connection.executescript(SCHEMA)

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """One transaction: kept whole or not at all."""
        try:
            connection = sqlite3.connect(self.file, timeout=LOCK_WAIT_S)
            try:
                with connection:
                    yield connection
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise UserError(
                f"{self.file} can't be used: {error}.", "Remove the file, or set store.path=<folder> to another one."
            ) from None

    def known(self, query: str, documents: Sequence[str]) -> dict[int, tuple[float, bool]]:
        """Position in ``documents`` → (score, truncated) of all pairs that were scored before."""
        with self.connection() as connection:
            rows = connection.execute("select document, score, truncated from scores where query = ?", (key(query),))
            by_key = {document: (score, bool(truncated)) for document, score, truncated in rows}
        keys = map(key, documents)
        return {position: by_key[digest] for position, digest in enumerate(keys) if digest in by_key}

    def keep(self, corpus: str, query: str, documents: Sequence[str], made: PairScores) -> None:
        """What one call of the reranker gave and took, on texts of ``corpus`` (its fingerprint)."""
        pairs = zip(documents, made.scores.tolist(), made.truncated.tolist(), strict=True)
        rows = [(key(query), key(document), score, truncated) for document, score, truncated in pairs]
        with self.connection() as connection:
            connection.executemany("insert or replace into scores values (?, ?, ?, ?)", rows)
            connection.execute(
                "insert into calls values (?, ?, ?, ?)", (self.conditions, corpus, len(documents), made.ms)
            )

    def calls_ms(self, corpus: str, documents: int) -> np.ndarray:
        """Milliseconds of every call under these conditions that scored so many documents of ``corpus`` (float64)."""
        same = "machine = ? and corpus = ? and documents = ?"
        with self.connection() as connection:
            values = (self.conditions, corpus, documents)
            rows = connection.execute(f"select ms from calls where {same} order by rowid", values)  # noqa: S608
            return np.array([ms for (ms,) in rows], dtype=np.float64)


def key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
