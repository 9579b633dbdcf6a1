"""What a reader must know before believing the page."""

from collections.abc import Iterator, Mapping

import pandas as pd

from evalkit.config import WorkloadConfig
from evalkit.reports.data.gather import NO_DIMS, SETTING, Gathered
from evalkit.reports.data.quality import CorpusQueries
from evalkit.reports.data.scopes import common_corpora, setting_name, unfiltered
from evalkit.results.busy import busy_timings
from evalkit.results.provenance import hardware
from evalkit.results.setting import RETRIEVAL, key_of
from evalkit.results.task_measures import ITEMS

SHOWN = 5


def warnings(
    gathered: Gathered, queries: Mapping[str, CorpusQueries], measure: str, workload: WorkloadConfig
) -> Iterator[str]:
    """One line each: problems of reading, lint, truncation, missing corpora, different hardware, dependent queries."""
    yield from gathered.problems
    yield from lint(gathered)
    yield from missing_corpora(gathered)
    yield from different_hardware(gathered)
    yield from busy_machines(gathered)
    yield from notes(gathered)
    yield from engine_versions(gathered.points)
    yield from unranked(gathered, measure)
    untrained = gathered.points.loc[~gathered.points["dims_trained"].astype(bool), "model"].unique()
    if len(untrained):
        yield f"{', '.join(untrained)}: some widths are ones that the model was not trained to be cut to (marked *)."
    whole = unfiltered(gathered.points)
    items = ITEMS.get(gathered.task, "items")
    yield from dependence({corpus: queries[corpus] for corpus in whole["corpus"].unique()}, items)
    if gathered.task == RETRIEVAL:
        yield from without_laws(whole, workload.documents)


def lint(gathered: Gathered) -> Iterator[str]:
    texts = {
        f"{corpus['name']}: {finding['text']}": None
        for run in gathered.runs
        for corpus in run.about["corpora"]
        for finding in corpus.get("lint", [])
    }
    yield from texts


def missing_corpora(gathered: Gathered) -> Iterator[str]:
    """Corpora that some models lack, which no mean over models can count."""
    points = unfiltered(gathered.points)
    common, _ = common_corpora(points)
    models = list(points["model"].unique())
    for corpus, group in points.groupby("corpus", sort=False):
        lacking = [model for model in models if model not in set(group["model"])]
        if lacking and corpus not in common:
            yield f"{corpus} is left out of the mean: {', '.join(lacking)} was not measured on it."


def different_hardware(gathered: Gathered) -> Iterator[str]:
    machines: dict[str, list[str]] = {}
    for number in sorted(gathered.points["run"].unique()):
        run = gathered.runs[number]
        machines.setdefault(hardware(run.about["environment"]), []).append(run.name)
    if len(machines) > 1:
        names = "; ".join(", ".join(runs[:SHOWN]) for runs in machines.values())
        yield f"Speed and the costs that follow from it are from {len(machines)} different machines: {names}."


def busy_machines(gathered: Gathered) -> Iterator[str]:
    """Runs of which something was timed while their machine had other work."""
    for number in sorted(gathered.points["run"].unique()):
        run = gathered.runs[number]
        if busy := busy_timings(run.about):
            more = f" and {len(busy) - 1:,} more" if len(busy) > 1 else ""
            yield f"{run.name}: its machine was busy with other work ({busy[0]}{more}): speed and costs say little."


def engine_versions(points: pd.DataFrame) -> Iterator[str]:
    """Engines whose points are from several of their versions."""
    searched = points[(points["dims"] != NO_DIMS) & (points["engine_version"] != "")]
    for engine, versions in searched.groupby("engine", sort=False)["engine_version"]:
        named = [str(version) for version in versions.unique()]
        if len(named) > 1:
            more = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
            yield f"{engine}: points are from {len(named)} versions: {'; '.join(named[:SHOWN])}{more}."


def unranked(gathered: Gathered, measure: str) -> Iterator[str]:
    """Settings without ``measure``, one line for each reason."""
    lacking = gathered.points[gathered.points[measure].isna()]
    by_reason: dict[str, list[str]] = {}
    for number in lacking["run"].unique():
        reasons = {key_of(p): (p.get("unmeasured") or {}).get(measure) for p in gathered.runs[number].about["points"]}
        for _, point in lacking[lacking["run"] == number].iterrows():
            setting = setting_name(*point[SETTING])
            reason = reasons.get(point["key"]) or "it was not measured"
            by_reason.setdefault(reason, []).append(f"{setting} on {point['corpus']}")
    for reason, named in by_reason.items():
        more = f" and {len(named) - SHOWN:,} more" if len(named) > SHOWN else ""
        yield f"Not ranked, as without {measure}: {'; '.join(named[:SHOWN])}{more}: {reason}."


def notes(gathered: Gathered) -> Iterator[str]:
    """What points note of their measures, each text once."""
    noted: dict[str, dict[str, None]] = {}
    for run in gathered.runs:
        for point in run.about["points"]:
            for measure, text in point.get("notes", {}).items():
                if measure in gathered.measures:
                    noted.setdefault(text, {})[measure] = None
    for text, measures in noted.items():
        yield f"{', '.join(measures)}: {text}."


def without_laws(points: pd.DataFrame, documents: int) -> Iterator[str]:
    """Points of which it isn't known how long a search takes at the workload's size."""
    lacking = points[points["search_ms_mean_at_workload"].isna()]
    if len(lacking):
        names = list(lacking["index"].unique())
        more = f" and {len(names) - SHOWN} others" if len(names) > SHOWN else ""
        yield (
            f"{len(lacking)} of {len(points)} points ({', '.join(names[:SHOWN])}{more}) have no milliseconds for "
            f"{documents:,} documents, and so no monthly cost: their run.json says why (unmeasured)."
        )


def dependence(queries: Mapping[str, CorpusQueries], items: str) -> Iterator[str]:
    """What is drawn by the intervals and tests of each corpus."""
    for corpus, of_corpus in queries.items():
        count = f"{len(of_corpus.query_ids):,} {items}"
        if of_corpus.clusters is not None:
            yield f"{corpus}: intervals and tests draw {int(of_corpus.clusters.max()) + 1:,} clusters of its {count}."
        elif of_corpus.query_ids:
            yield f"{corpus}: which of its {count} depend on each other wasn't modelled; they count as independent."
