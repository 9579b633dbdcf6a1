"""What settings are compared on: each corpus alone, and the mean over the corpora that all models have.

A mean over whichever corpora a model happens to have would make models with missing ones look better or worse, so a
setting without all of a scope's corpora is listed apart.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evalkit.reports.data.gather import NO_DIMS, SETTING, Gathered
from evalkit.reports.data.quality import Certainty, CorpusQueries, certainty
from evalkit.results.in_words import SEPARATOR, setting_words

OF_ONE_POINT = ("run", "dims", "candidates", "overlap_size", "modelled_from", "modelled_to")


@dataclass(frozen=True)
class Scope:
    """``members``: per setting the positions of its points in the table of points, one for each of ``corpora``.

    ``certainty`` holds per measure the mean, interval and p-value of every setting, in the same order.
    """

    name: str
    corpora: tuple[str, ...]
    members: tuple[tuple[int, ...], ...]
    certainty: Mapping[str, Certainty]
    incomplete: tuple[str, ...]

    @property
    def words(self) -> str:
        """``cranfield``, or ``the mean of 2 corpora (cranfield, xquad-en)``."""
        return self.name if len(self.corpora) == 1 else f"the {self.name} ({', '.join(self.corpora)})"

    def table(self, points: pd.DataFrame) -> pd.DataFrame:
        """One row per setting: its keys, and the mean over the corpora of every figure."""
        first = points.iloc[[rows[0] for rows in self.members]].reset_index(drop=True)
        numeric = [str(name) for name in points.select_dtypes("number") if name not in OF_ONE_POINT]
        first[numeric] = points[numeric].to_numpy(dtype=np.float64)[np.asarray(self.members)].mean(axis=1)
        return first.copy()  # in one piece again


def scopes(gathered: Gathered, queries: Mapping[str, CorpusQueries], alpha: float) -> list[Scope]:
    """The scopes, the one that settings are ranked by first: a corpus, or the mean where a setting has several of them.

    Those are the corpora that all models have. What filters leave of corpora comes last, each alone.
    """
    points = gathered.points
    corpora = list(points["corpus"].unique())
    common, left_out = common_corpora(points)
    several = [tuple(common)] if len(common) > 1 and len(whole_settings(points, common)) else []
    whole = set(unfiltered(points)["corpus"])
    single = [(corpus,) for corpus in sorted(corpora, key=lambda corpus: (corpus not in whole, corpus not in common))]
    return [scope(points, queries, names, gathered.measures, alpha, left_out) for names in (*several, *single)]


def common_corpora(points: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Corpora that all models have, in order; models with nothing in common with the others are left out, by name.

    What a filter leaves of a corpus is none of them.
    """
    points = unfiltered(points)
    of_model = {str(model): set(group) for model, group in points.groupby("model", sort=False)["corpus"]}
    left_out = []
    while len(of_model) > 1 and not set.intersection(*of_model.values()):
        fewest = min(of_model, key=lambda model: len(of_model[model]))
        left_out.append(fewest)
        del of_model[fewest]
    common = set.intersection(*of_model.values())
    return [str(corpus) for corpus in points["corpus"].unique() if corpus in common], left_out


def unfiltered(points: pd.DataFrame) -> pd.DataFrame:
    """The points of searches among all documents; all points where there are no such."""
    whole = points[points["filter"] == ""]
    return points if whole.empty else whole


def places(points: pd.DataFrame, corpora: Sequence[str]) -> pd.DataFrame:
    """The row in ``points`` of every setting on each of ``corpora``; NaN where it was not measured."""
    inside = points[points["corpus"].isin(corpora)]
    return inside.reset_index(names="point").pivot_table("point", SETTING, "corpus", sort=False, aggfunc="first")


def whole_settings(points: pd.DataFrame, corpora: Sequence[str]) -> pd.DataFrame:
    """``places`` of the settings that were measured on all of ``corpora``."""
    return places(points, corpora).dropna()


def scope(
    points: pd.DataFrame,
    queries: Mapping[str, CorpusQueries],
    corpora: tuple[str, ...],
    measures: tuple[str, ...],
    alpha: float,
    left_out: list[str],
) -> Scope:
    place = places(points, corpora)
    members = whole_settings(points, corpora)[list(corpora)].to_numpy(dtype=np.int64)
    rows = {corpus: {point: row for row, point in enumerate(queries[corpus].points)} for corpus in corpora}
    samples = {
        measure: [
            queries[corpus].values[measure][[rows[corpus][point] for point in members[:, i].tolist()]]
            for i, corpus in enumerate(corpora)
        ]
        for measure in measures
    }
    clusters = [queries[corpus].drawn for corpus in corpora]
    return Scope(
        name=corpora[0] if len(corpora) == 1 else f"mean of {len(corpora)} corpora",
        corpora=corpora,
        members=tuple(tuple(row) for row in members.tolist()),
        certainty={
            measure: certainty(
                points[measure].to_numpy(dtype=np.float64)[members].mean(axis=1), values, alpha, clusters
            )
            for measure, values in samples.items()
        },
        incomplete=tuple(incomplete(place[place.isna().any(axis=1)], left_out)),
    )


def incomplete(lacking: pd.DataFrame, left_out: list[str]) -> Iterator[str]:
    """A line for each setting that some corpora of the scope lack, and for each model that shares none."""
    for setting, row in lacking.iterrows():
        names = ", ".join(str(corpus) for corpus in row[row.isna()].index)
        yield f"{setting_name(*setting)}: not on {names}"  # type: ignore[misc]
    yield from (f"{model}: on no corpus that the others have" for model in left_out)


def setting_name(model: str, dims: int, quantization: str, index: str) -> str:
    """``MiniLM · 256 dims · int8 · exact + BM25``; what has no vectors goes by its model and the stages behind it."""
    return SEPARATOR.join(setting_words(model, None if dims == NO_DIMS else dims, quantization, index))
