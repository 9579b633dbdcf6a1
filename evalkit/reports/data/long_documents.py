"""What splitting documents gains: one model on one corpus, whole and in chunks, in the same setting."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from evalkit.arrays import Floats
from evalkit.reports.data.gather import NO_DIMS, Gathered
from evalkit.reports.data.quality import CorpusQueries, all_pairs
from evalkit.results.in_words import SEPARATOR, figure, number, setting_words
from evalkit.results.percent import percent
from evalkit.results.setting import WHOLE

SETTING = ["dims", "quantization", "index"]


def long_documents(
    gathered: Gathered, queries: Mapping[str, CorpusQueries], measure: str, alpha: float
) -> Iterator[str]:
    """A sentence for every model and corpus whose documents were split in more than one way.

    Compared is the best setting that all of these ways have, with the first of them: whole documents, where they were
    measured. p-values are adjusted for all pairs of ways.
    """
    measured = gathered.points[gathered.points[measure].notna()]
    for (model, corpus), points in measured.groupby(["unsplit_model", "corpus"], sort=False):
        ways = points.groupby(SETTING, sort=False)["chunking"].transform("nunique")
        in_all = points[ways == points["chunking"].nunique()]
        if points["chunking"].nunique() < 2 or in_all.empty:
            continue
        best = in_all.sort_values(measure, ascending=False, kind="stable").iloc[0][SETTING]
        same = in_all[(in_all[SETTING] == best).all(axis=1)]
        same = same.sort_values("chunking", key=lambda names: names != WHOLE, kind="stable")
        p_values = against_the_first(same.index.to_list(), queries[str(corpus)], measure, alpha)
        first, *later = (words(gathered, same.loc[row], measure) for row in same.index)
        gains = same[measure].to_numpy()[1:] - same[measure].to_numpy()[0]
        compared = (
            f"{way} ({gain:+.4f}{'' if np.isnan(p) else f', p = {p:.2g}'})"
            for way, gain, p in zip(later, gains, p_values, strict=True)
        )
        yield f"{model} on {corpus}, {measure} ({search_words(*best)}): {'; '.join((first, *compared))}."


def search_words(dims: int, quantization: str, index: str) -> str:
    """``384 dims · float32 · exact``; the index as its runs call it where there are no vectors."""
    return index if dims == NO_DIMS else SEPARATOR.join(setting_words("", dims, quantization, index)[1:])


def against_the_first(points: list[int], queries: CorpusQueries, measure: str, alpha: float) -> Floats:
    """p of every later one of ``points`` against the first; NaN where per-query values are missing."""
    values = queries.values[measure][[queries.points.index(point) for point in points]]
    pairs = all_pairs([values], [queries.drawn], alpha)
    return pairs.p(np.arange(1, len(points)), 0)


def words(gathered: Gathered, point: pd.Series, measure: str) -> str:
    """``cut at 256 tokens (71.0% of documents) 0.6451``, or how documents were split and what that costs in bytes."""
    quality = number(point[measure], "")
    if point["chunking"] != WHOLE:
        chunks, size = point["chunks_per_document"], figure("bytes_per_document", point["bytes_per_document"])
        return f"{point['chunking']} {quality}, {chunks:.2f} chunks and {size} per document"
    passes = gathered.runs[point["run"]].about["embeddings"]
    documents = next(p for p in passes if p["corpus"] == point["corpus_name"] and p["side"] == "document")
    cut = documents.get("truncated_texts")
    if cut is None:
        return f"unsplit (how many were cut is not known) {quality}"
    if cut == 0:
        return f"whole {quality}"
    of_documents = percent(cut / documents["texts"])
    length = documents["runtime"].get("max_length")
    at = f" at {length:,} tokens" if length else ""
    return f"cut{at} ({of_documents} of documents) {quality}"
