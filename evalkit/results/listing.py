"""What lies in a folder of results: every run and baseline in one line each, the damaged ones with the reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalkit.errors import UserError, first_line
from evalkit.results.reader import BASELINES, StoredRun, read_run, stored_runs
from evalkit.results.setting import FULL, RETRIEVAL, size_number
from evalkit.results.task_measures import measures_of_task


@dataclass(frozen=True)
class Listed:
    """A run under ``results_dir``, by the ``name`` that commands take.

    ``best`` maps each corpus to the highest mean of ``measure``, the main one of the run's first task (retrieval where
    it is one of them); null where no point has one. ``others`` has the same of its other tasks, by measure.
    ``problem`` says why a run can't be read; the rest is then empty.
    """

    name: str
    folder: Path
    is_baseline: bool = False
    created_at: str = ""
    finished: bool = False
    models: tuple[str, ...] = ()
    corpora: tuple[str, ...] = ()
    points: int = 0
    measure: str = ""
    best: Mapping[str, float | None] = field(default_factory=dict)
    others: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    problem: str = ""


def listed(results_dir: Path) -> list[Listed]:
    """The runs, newest first, then the baselines by name."""
    runs = [entry(folder, is_baseline=False) for folder in reversed(stored_runs(results_dir))]
    baselines = sorted(file.parent for file in (results_dir / BASELINES).glob("*/run.json"))
    return [*runs, *(entry(folder, is_baseline=True) for folder in baselines)]


def entry(folder: Path, is_baseline: bool) -> Listed:
    try:
        return entry_of(read_run(folder), is_baseline)
    except (UserError, OSError) as error:
        return Listed(folder.name, folder, is_baseline, problem=first_line(error))


def entry_of(run: StoredRun, is_baseline: bool = False) -> Listed:
    about, points = run.about, run.about["points"]
    measured = about["config"].get("measures") or [""]
    tasks = sorted(dict.fromkeys(point["task"] for point in points), key=lambda task: task != RETRIEVAL) or [RETRIEVAL]
    best = {next(iter(measures_of_task(task, measured)), task): best_of_task(points, task, measured) for task in tasks}
    measure, *others = best
    corpora = tuple(dict.fromkeys(corpus["name"] for corpus in about["corpora"]))
    return Listed(
        name=run.name,
        folder=run.folder,
        is_baseline=is_baseline,
        created_at=str(about.get("created_at") or ""),
        finished=bool(about.get("finished", True)),
        models=tuple(dict.fromkeys(point["model"] for point in points)),
        corpora=corpora,
        points=len(points),
        measure=measure,
        best={corpus: best[measure].get(corpus) for corpus in corpora if corpus in best[measure] or not others},
        others={name: best[name] for name in others},
    )


def best_of_task(points: list[dict[str, Any]], task: str, measured: Sequence[str]) -> dict[str, float | None]:
    """The best mean of the task's main measure on each of its corpora."""
    own = [point for point in points if point["task"] == task]
    measure = next(iter(measures_of_task(task, measured)), "")
    return {corpus: best_of(own, corpus, measure) for corpus in dict.fromkeys(point["corpus"] for point in own)}


def best_of(points: list[dict[str, Any]], corpus: str, measure: str) -> float | None:
    """The best mean among all documents of a corpus, or else of its largest sample: fewer are easier, as are those that
    a filter leaves. Corpora with distractors count only where nothing else was measured.
    """
    own = [point for point in points if point["corpus"] == corpus and not point.get("filter")]
    ranked = max(map(ranked_by, own), default=None)
    means = [point.get(measure) for point in own if ranked_by(point) == ranked]
    return max((mean for mean in means if mean is not None), default=None)


def ranked_by(point: Mapping[str, Any]) -> tuple[bool, float]:
    """The higher, the more its quality says of the corpus."""
    return not point.get("distractors"), size_number(point.get("corpus_size", FULL))
