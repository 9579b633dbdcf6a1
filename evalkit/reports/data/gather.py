"""Runs on disk to one table of points: the newest of each setting, all priced alike. What can't be read is said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evalkit.config import ReportConfig
from evalkit.errors import UserError, first_line
from evalkit.measures.cost import costs, tariff
from evalkit.measures.laws import COLUMNS, SIZE, Law, at_workload, read, sizes
from evalkit.reports.data.identity import (
    MODEL_PARTS,
    UNCHUNKED,
    index_meaning,
    named_by_meaning,
    quantization_meaning,
)
from evalkit.reports.data.labels import labels, short
from evalkit.reports.data.same_vectors import same_vectors
from evalkit.results.record import BESIDE_FIGURES
from evalkit.results.record import SETTING as STORED_SETTING
from evalkit.results.setting import model_parts
from evalkit.results.store import BASELINES, StoredRun, find_run, read_run, stored_runs

SETTING = ["model", "dims", "quantization", "index"]
WORDS = (
    *("model", "revision", "corpus", "corpus_fingerprint", "dims", "quantization", "index"),
    *("metric", "priced_as", "chunking", "top_k", "serve_k"),
)
RENAMED = ("model", "corpus", "quantization", "index")
ORIGIN = ("weights", "kind")
NEEDED = ("model", "revision", "corpus", "corpus_fingerprint", "dims", "quantization", "index")


@dataclass(frozen=True)
class Gathered:
    """``points``: one row per point with its setting, figures and costs; ``run`` is the position in ``runs``.

    ``model``, ``corpus``, ``quantization`` and ``index`` are labels, short and unique: what a run calls them is in
    ``…_name``, and ``laws`` are a column of measures.laws.Laws. ``unsplit_model`` is the same for all ways to split its
    documents. ``problems`` say what was left out and why.
    """

    points: pd.DataFrame
    runs: tuple[StoredRun, ...]
    measures: tuple[str, ...]
    problems: tuple[str, ...]


def gather(config: ReportConfig) -> Gathered:
    """The points of the runs that ``config`` names. Raises UserError where there is none at all."""
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
    points = labelled(pd.concat(tables, ignore_index=True), runs)
    newest = ~points.duplicated(["corpus", *SETTING], keep="last")
    if not newest.all():
        older = points[~newest]["run"].map(lambda i: runs[i].name).unique()
        problems.append(
            f"{(~newest).sum()} settings were measured again later; the newest run counts, not {', '.join(older)}."
        )
    points = points[newest].reset_index(drop=True)
    measures = tuple(dict.fromkeys(name for run in runs for name in run.about["config"]["measures"] if name in points))
    return Gathered(points, tuple(runs), measures, tuple(problems))


def labelled(points: pd.DataFrame, runs: Sequence[StoredRun]) -> pd.DataFrame:
    """``points`` with labels for models, corpora, quantizations and indexes, by what tells them apart."""
    models, parts = short_model_names(points["model_name"]), same_vectors(points, runs)
    unsplit = {part: words for part, words in MODEL_PARTS.items() if part != "chunking"}
    found = points.assign(
        model=labels(models, parts, MODEL_PARTS, ORIGIN),
        unsplit_model=labels(models, parts, unsplit, ORIGIN),
        corpus=labels(points["corpus_name"], points, {"corpus_fingerprint": short}),
        quantization=named_by_meaning(points["quantization_name"], points["quantization_meaning"]),
        index=named_by_meaning(points["index_name"], points["index_meaning"]),
    )
    return found.drop(columns=["quantization_meaning", "index_meaning"])


def readable_runs(config: ReportConfig, problems: list[str]) -> list[StoredRun]:
    """The runs that can be read, oldest first; a line in ``problems`` for each that can't."""
    results_dir = Path(config.results_dir)
    found = []
    for name in config.runs or map(str, stored_runs(results_dir)):
        try:
            found.append(find_run(name, results_dir) if config.runs else read_run(Path(name)))
        except (UserError, OSError) as error:
            places = (Path(), results_dir, results_dir / BASELINES)
            if config.runs and not any((place / name).exists() for place in places):
                raise
            problems.append(f"{Path(name).name} is left out: {first_line(error)}")
    return sorted(found, key=lambda run: (str(run.about.get("created_at")), run.name))


def run_points(run: StoredRun, config: ReportConfig) -> pd.DataFrame:
    """The points of one run with what tells them apart, documents of their corpus and costs.

    Raises KeyError for missing columns.
    """
    about = run.about
    points = pd.DataFrame(about["points"]).drop(columns=list(BESIDE_FIGURES), errors="ignore")
    if missing := [name for name in NEEDED if name not in points]:
        raise KeyError(missing[0])
    depth = points.get("top_k", pd.Series(dtype=object))
    served = points.get("serve_k", depth)  # runs older than serve_k served all of top_k
    points = with_means(with_chunks(points), run).assign(top_k=depth.astype(str), serve_k=served.astype(str))
    measured = [str(name) for name in points if name not in WORDS]
    points = points.astype({"dims": int, **dict.fromkeys(measured, float)})
    documents = {c["name"]: c["documents"] for c in about["corpora"]}
    names = points[["model", "corpus"]].drop_duplicates().itertuples(index=False, name=None)
    parts = {name: model_parts(about, *name) for name in names}
    of_models = pd.DataFrame([parts[name] for name in zip(points["model"], points["corpus"], strict=True)])
    points = points.rename(columns={name: f"{name}_name" for name in RENAMED}).assign(
        documents=points["corpus"].map(documents).astype(float),
        quantization_meaning=[
            quantization_meaning(about, name, served)
            for name, served in zip(points["quantization"], points["serve_k"], strict=True)
        ],
        index_meaning=[index_meaning(about, name) for name in points["index"]],
        **of_models,
    )
    points = with_laws(points, [point.get("laws") for point in about["points"]], config.workload.documents)
    priced, cpu = [], about["environment"]["cpu"]
    for (model, device), group in points.groupby(["model_name", "device"], sort=False):
        prices = tariff(config.pricing, config.workload, str(model), str(device), cpu)
        figures = {str(name): group[name] for name in group}
        found = costs(figures, config.workload, prices)
        priced.append(group.assign(**found, priced_as=prices.priced_as, machine=prices.machine, **prices_of(prices)))
    return pd.concat(priced).sort_index()


def with_chunks(points: pd.DataFrame) -> pd.DataFrame:
    """``points`` with the columns that runs did not have before documents could be split."""
    whole: dict[str, Any] = {"chunking": UNCHUNKED, "chunks_per_document": 1.0}
    whole["bytes_per_document"] = points.get("bytes_per_vector")
    return points.assign(**{name: value for name, value in whole.items() if name not in points})


def with_means(points: pd.DataFrame, run: StoredRun) -> pd.DataFrame:
    """``points`` with the means of latencies, from the single calls of runs that kept no means yet."""
    if "query_ms_mean" in points or not (run.folder / "latencies.parquet").is_file():
        return points
    calls = run.latencies()
    calls["query_ms"] = calls["search_ms"] + calls["encode_query_ms"]
    means = calls.groupby(list(STORED_SETTING), sort=False)[["search_ms", "encode_query_ms", "query_ms"]].mean()
    return points.merge(means.add_suffix("_mean"), "left", left_on=list(STORED_SETTING), right_index=True)


def with_laws(points: pd.DataFrame, stored: Sequence[Any], documents: int) -> pd.DataFrame:
    """``points`` with ``laws``, what those say at so many ``documents``, and the least and most vectors behind them.

    Of runs that kept no laws yet, only the bytes that are stored are known.
    """
    rows: list[dict[Any, Any]] = points.to_dict("records")
    laws = [read(each) if each is not None else bytes_alone(row) for each, row in zip(stored, rows, strict=True)]
    found = [at_workload(each, row, documents) for each, row in zip(laws, rows, strict=True)]
    figures = pd.DataFrame(found, points.index, COLUMNS).astype(float)
    return points.assign(
        **{name: figures[name] for name in COLUMNS},
        laws=pd.Series(laws, points.index, dtype=object),
        modelled_from=[min(sizes(each), default=np.nan) for each in laws],
        modelled_to=[max(sizes(each), default=np.nan) for each in laws],
    )


def bytes_alone(row: Mapping[str, Any]) -> dict[str, list[Law]]:
    total, each = row.get("index_bytes", np.nan), row.get("bytes_per_document", np.nan)
    known = total == total and each == each
    return {SIZE: [Law({"one": total - row["documents"] * each, "vectors": each})]} if known else {}


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
