"""Runs on disk to one table of points: the newest of each setting, all priced alike. What can't be read is said."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evalkit.config import ReportConfig
from evalkit.errors import UserError, did_you_mean, first_line
from evalkit.formats.media import one_line
from evalkit.measures.cost import costs, tariff
from evalkit.measures.laws import SIZE, Law, at_workload, read, sizes
from evalkit.reports.data.identity import MODEL_PARTS, index_meaning, named_by_meaning, quantization_meaning
from evalkit.reports.data.labels import SEPARATOR, labels, short
from evalkit.reports.data.same_vectors import same_vectors
from evalkit.results.model_parts import model_parts
from evalkit.results.reader import BASELINES, StoredRun, find_run, read_run, rows_by_point, stored_runs
from evalkit.results.setting import COLUMNS as OF_SETTING
from evalkit.results.setting import FULL, RETRIEVAL, index_label, key_of, size_words
from evalkit.results.shape import MOST_DIGITS
from evalkit.results.task_measures import measures_of_task

SETTING = ["model", "dims", "quantization", "index"]
NO_DIMS, NO_VECTORS = 0, "no vectors"  # what tables group points without vectors by
WORDS = (*(name for name in OF_SETTING if name != "dims"), "metric", "priced_as", "engine_version")
RENAMED = ("model", "corpus", "quantization", "index")
MEANINGS = ["quantization_meaning", "index_meaning", "index_label"]
ORIGIN = ("weights", "kind")
NOT_OF_VECTORS = ("chunking", "top_k", "serve_k")  # of a model's parts
TIMED = ["search_ms", "encode_query_ms", "query_ms"]


@dataclass(frozen=True)
class Gathered:
    """The points of one ``task``: one row per point with its setting, figures and costs; ``run`` is the position in
    ``runs``.

    ``model``, ``corpus``, ``quantization`` and ``index`` are labels, short and unique: what a run calls them is in
    ``…_name``, ``key`` is the key of the setting, and ``laws`` are a column of measures.laws.Laws. Where there are no
    vectors, ``dims`` is ``NO_DIMS`` and ``quantization`` ``NO_VECTORS``. ``unsplit_model`` is the same for all ways to
    split its documents, and ``vectors`` for whatever a run asks of the same vectors. ``problems`` say what was left out
    and why. ``samples`` are such rows, too, at the sizes of corpora that settings are not ranked by.
    """

    task: str
    points: pd.DataFrame
    runs: tuple[StoredRun, ...]
    measures: tuple[str, ...]
    problems: tuple[str, ...]
    samples: pd.DataFrame = field(default_factory=pd.DataFrame)


def gather(config: ReportConfig) -> Gathered:
    """The points of the task that ``config`` chooses. Raises UserError for one that no run has, and for no run."""
    by_task = gather_tasks(config)
    return by_task[chosen_task(config, by_task)]


def chosen_task(config: ReportConfig, by_task: Mapping[str, Gathered]) -> str:
    """The task that is asked for; else the first that has the measure asked for, retrieval before others.

    Raises UserError where no run has it.
    """
    tasks = sorted(by_task, key=lambda task: task != RETRIEVAL)
    if config.task is not None and config.task not in by_task:
        raise UserError(f"no run has task={config.task}.", did_you_mean(config.task, tasks))
    possible = tasks if config.task is None else [config.task]
    if config.measure is None:
        return possible[0]
    measures = [name for task in possible for name in by_task[task].measures]
    if config.measure not in measures:
        raise UserError(f"no run has measured {config.measure}.", did_you_mean(config.measure, measures))
    return next(task for task in possible if config.measure in by_task[task].measures)


def gather_tasks(config: ReportConfig) -> dict[str, Gathered]:
    """Task → its points in the runs that ``config`` names. Raises UserError where there is none at all.

    What is wrong with runs is told with each.
    """
    problems: list[str] = []
    runs: list[StoredRun] = []
    tables: list[pd.DataFrame] = []
    for run in readable_runs(config, problems):
        try:
            tables.append(run_points(run, config).assign(run=len(runs)))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            problems.append(f"{run.name} is left out: its run.json lacks what a report needs ({describe(error)}).")
            continue
        runs.append(run)
        if not run.about.get("finished", True):
            problems.append(f"{run.name} was interrupted: only its finished points are here.")
    if not tables:
        where = f"no run in {config.results_dir} can be read." if problems else f"{config.results_dir} holds no run."
        raise UserError(" ".join((where, *problems)), "Make one: python -m evalkit.")
    points = pd.concat(tables, ignore_index=True).copy()  # in one piece, whatever columns its runs lack
    parts = same_vectors(points, runs)
    points = points.assign(vectors=model_labels(points, parts, NOT_OF_VECTORS))
    return {
        str(task): of_task(str(task), own, parts.loc[own.index], runs, problems, config.corpus_size)
        for task, own in points.groupby("task", sort=False)
    }


def of_task(
    task: str,
    points: pd.DataFrame,
    parts: pd.DataFrame,
    runs: Sequence[StoredRun],
    of_runs: Sequence[str],
    size: str | None,
) -> Gathered:
    """The newest point of each setting among the ``points`` of one task; ``of_runs`` are problems of all runs.

    Settings are ranked at one ``size`` of each corpus, null for the whole, or the largest where that is missing.
    Raises UserError where no corpus has that size.
    """
    problems = list(of_runs)
    points = labelled(points, parts).reset_index(drop=True)
    newest = ~points.duplicated(["corpus", *SETTING], keep="last")
    if not newest.all():
        older = points[~newest]["run"].map(lambda i: runs[i].name).unique()
        problems.append(
            f"{(~newest).sum()} settings were measured again later; the newest run counts, not {', '.join(older)}."
        )
        problems.extend(versions_since(points, newest))
    points = points[newest]
    at_size = is_ranked(points, size)
    problems.extend(at_other_sizes(points, at_size))
    samples, points = points[~at_size].reset_index(drop=True), points[at_size].reset_index(drop=True)
    return Gathered(task, points, tuple(runs), tuple(measures_in(task, points, runs)), tuple(problems), samples)


def is_ranked(points: pd.DataFrame, size: str | None) -> "pd.Series[bool]":
    """Which of ``points`` are at the size that settings are ranked by. Raises UserError as ``of_task`` does."""
    if size is not None and RETRIEVAL in points["task"].to_numpy():
        if not (at_size := points["corpus_size"] == size).any():
            sizes = sorted(points["corpus_size"].unique(), key=lambda each: (each == FULL, each.zfill(MOST_DIGITS)))
            raise UserError(f"no run has corpus_size={one_line(size)}.", f"Known: {', '.join(sizes)}.")
        return at_size
    number = points["documents"].where(points["corpus_size"] != FULL, np.inf)
    return number == number.groupby(points["whole_corpus"]).transform("max")


def at_other_sizes(points: pd.DataFrame, at_size: "pd.Series[bool]") -> Iterator[str]:
    """A line for each model of which none of the ``points`` of a corpus is ``at_size``."""
    for (model, corpus), own in points.groupby(["model", "whole_corpus"], sort=False):
        if not at_size[own.index].any():
            rows = zip(own["corpus_size"], own["distractors"], strict=True)
            named = (size_words({"corpus_size": size, "distractors": added}) for size, added in rows)
            sizes = dict.fromkeys(one_line(name) or "all documents" for name in named)
            yield f"{model} was measured at {', '.join(sizes)} of {corpus} only, and is left out there."


def measures_in(task: str, points: pd.DataFrame, runs: Sequence[StoredRun]) -> list[str]:
    """The measures that ``points`` of a task have, its main one first; of tasks but retrieval those that are known."""
    asked = dict.fromkeys(name for run in points["run"].unique() for name in runs[run].about["config"]["measures"])
    names = [name for name in measures_of_task(task, list(asked)) if name in points]
    return names if task == RETRIEVAL else [name for name in names if points[name].notna().any()]


def model_labels(points: pd.DataFrame, parts: pd.DataFrame, left_out: Sequence[str] = ()) -> pd.Series:
    """Short names of models, with those of their ``parts`` that tell namesakes apart."""
    words = {part: of_part for part, of_part in MODEL_PARTS.items() if part not in left_out}
    return labels(short_model_names(points["model_name"]), parts, words, ORIGIN)


def versions_since(points: pd.DataFrame, newest: "pd.Series[bool]") -> list[str]:
    """Engines of which the newest points of settings are from another version than the older ones."""
    before, after = points[~newest], points[newest]
    pairs = before.merge(after, on=["corpus", *SETTING], suffixes=("", "_after"))
    searched = pairs[(pairs["dims"] != NO_DIMS) & (pairs["engine_version"] != pairs["engine_version_after"])]
    columns = ["engine", "engine_version", "engine_version_after"]
    changes = searched[columns].drop_duplicates().itertuples(index=False, name=None)
    return [f"{engine} searched in {old} then, and in {new} now." for engine, old, new in changes if old and new]


def labelled(points: pd.DataFrame, parts: pd.DataFrame) -> pd.DataFrame:
    """``points`` with labels for models, corpora, quantizations and indexes, by what tells them apart.

    What a filter leaves of a corpus is one of its own: other questions are asked of other documents. So is a sample of
    it; ``whole_corpus`` is what it is a sample of.
    """
    corpora = labels(points["corpus_name"], points, {"corpus_fingerprint": short})
    of_sizes = zip(points["corpus_size"], points["distractors"], strict=True)
    sizes = [one_line(size_words({"corpus_size": size, "distractors": added})) for size, added in of_sizes]
    part = points["filter"].map(one_line).where(points["filter"] != "", pd.Series(sizes, points.index))
    quantization = named_by_meaning(points["quantization_name"], points["quantization_meaning"])
    return points.assign(
        model=model_labels(points, parts),
        unsplit_model=model_labels(points, parts, ("chunking",)),
        corpus=corpora.where(part == "", corpora + SEPARATOR + part),
        whole_corpus=corpora,
        quantization=quantization.mask(points["dims"] == NO_DIMS, NO_VECTORS),
        index=named_by_meaning(points["index_label"], points["index_meaning"]),
    ).drop(columns=MEANINGS)


def readable_runs(config: ReportConfig, problems: list[str]) -> list[StoredRun]:
    """The runs that can be read, oldest first; a line in ``problems`` for each that can't."""
    results_dir = Path(config.results_dir)
    runs = []
    for name in config.runs or map(str, stored_runs(results_dir)):
        try:
            runs.append(find_run(name, results_dir) if config.runs else read_run(Path(name)))
        except (UserError, OSError) as error:
            places = (Path(), results_dir, results_dir / BASELINES)
            if config.runs and not any((place / name).exists() for place in places):
                raise
            problems.append(f"{Path(name).name} is left out: {first_line(error)}")
    return sorted(runs, key=lambda run: (str(run.about.get("created_at")), run.name))


def run_points(run: StoredRun, config: ReportConfig) -> pd.DataFrame:
    """The points of one run with what tells them apart, documents of their corpus and costs.

    Raises KeyError for missing columns, ValueError where there is no point.
    """
    about = run.about
    stored: Sequence[Mapping[str, Any]] = about["points"]
    if not stored:
        raise ValueError("it has no points")
    keys = pd.Series([key_of(point) for point in stored], dtype=object)
    points = with_means(run.points().assign(key=keys), run)
    measured = [str(name) for name in points if name not in (*WORDS, "dims", "key")]
    points = points.astype({**dict.fromkeys(measured, float), "top_k": str, "serve_k": str}).copy()  # in one piece again
    documents = {c["name"]: c["documents"] for c in about["corpora"]}
    names = points[["model", "corpus"]].drop_duplicates().itertuples(index=False, name=None)
    parts = {name: model_parts(about, *name) for name in names}
    of_models = pd.DataFrame([parts[name] for name in zip(points["model"], points["corpus"], strict=True)])
    points = points.rename(columns={name: f"{name}_name" for name in RENAMED}).assign(
        dims=points["dims"].fillna(NO_DIMS).astype(int),
        documents=documents_of(points, documents),
        quantization_meaning=[quantization_meaning(about, p["quantization"], str(p["serve_k"])) for p in stored],
        index_meaning=[index_meaning(about, point) for point in stored],
        index_label=[index_label(point) for point in stored],
        engine_version=[point.get("engine_version") or "" for point in stored],
        **of_models,
    )
    modelled = with_laws(points, [p.get("laws") for p in stored], config.workload.documents)
    return priced(modelled.copy(), about, config).copy()


def documents_of(points: pd.DataFrame, of_corpora: Mapping[str, int]) -> "pd.Series[float]":
    """How many documents were searched at each point, by those ``of_corpora``."""
    sizes = points["corpus_size"].where(points["corpus_size"] != FULL)
    return pd.to_numeric(sizes).fillna(points["corpus"].map(of_corpora)).astype(float)


def with_means(points: pd.DataFrame, run: StoredRun) -> pd.DataFrame:
    """``points`` with the means of latencies, from the single calls of runs that kept no means yet."""
    if any(f"{name}_mean" in points for name in TIMED) or not (run.folder / "latencies.parquet").is_file():
        return points
    calls = run.latencies()
    calls["query_ms"] = calls["search_ms"] + calls["encode_query_ms"]
    rows = rows_by_point(calls)
    place = np.full(len(calls), -1)
    for number, key in enumerate(points["key"]):
        place[rows.get(key, [])] = number
    means = calls[TIMED].groupby(place).mean().reindex(range(len(points)))
    return points.join(means.add_suffix("_mean").set_axis(points.index))


def priced(points: pd.DataFrame, about: Mapping[str, Any], config: ReportConfig) -> pd.DataFrame:
    """``points`` with costs by the prices of ``config`` for the device that each model ran on."""
    groups, cpu = [], about["environment"]["cpu"]
    for (model, device), group in points.groupby(["model_name", "device"], sort=False):
        prices = tariff(config.pricing, config.workload, str(model), str(device), cpu)
        in_usd = costs({str(name): group[name] for name in group}, config.workload, prices)
        groups.append(group.assign(**in_usd, priced_as=prices.priced_as, machine=prices.machine, **prices_of(prices)))
    return pd.concat(groups).sort_index()


def with_laws(points: pd.DataFrame, stored: Sequence[Any], documents: int) -> pd.DataFrame:
    """``points`` with ``laws``, what those say at so many ``documents``, and the least and most vectors behind them.

    Of runs that kept no laws yet, only the bytes that are stored are known.
    """
    rows: list[dict[Any, Any]] = points.to_dict("records")
    laws = [read(kept) if kept is not None else bytes_alone(row) for kept, row in zip(stored, rows, strict=True)]
    modelled = [at_workload(law, row, documents) for law, row in zip(laws, rows, strict=True)]
    figures = pd.DataFrame(modelled, points.index).astype(float)
    return points.assign(
        **{str(name): figures[name] for name in figures},
        laws=pd.Series(laws, points.index, dtype=object),
        modelled_from=[min(sizes(law), default=np.nan) for law in laws],
        modelled_to=[max(sizes(law), default=np.nan) for law in laws],
    )


def bytes_alone(row: Mapping[str, Any]) -> dict[str, list[Law]]:
    total, of_one = row.get("index_bytes", np.nan), row.get("bytes_per_document", np.nan)
    if np.isnan(total) or np.isnan(of_one):
        return {}
    return {SIZE: [Law({"one": total - row["documents"] * of_one, "vectors": of_one})]}


def prices_of(prices: Any) -> dict[str, Any]:
    numbers = ("usd_per_hour", "usd_per_gb_month", "usd_per_million_tokens", "cores", "ram_gb")
    return {"is_hosted": prices.hosted is not None, **{name: getattr(prices, name) for name in numbers}}


def short_model_names(names: pd.Series) -> pd.Series:
    """The last part of ``organisation/model``, unless two organisations share it."""
    last = names.str.rpartition("/")[2]
    shared = names.groupby(last).transform("nunique") > 1
    return last.where(~shared & (last != ""), names)


def describe(error: BaseException) -> str:
    return f"no {error.args[0]!r}" if isinstance(error, KeyError) else first_line(error)
