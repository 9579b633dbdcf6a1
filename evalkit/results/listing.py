"""What lies in a folder of results: every run and baseline in one line each, the damaged ones with the reason."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalkit.errors import UserError, first_line
from evalkit.results.reader import BASELINES, StoredRun, read_run, stored_runs


@dataclass(frozen=True)
class Listed:
    """A run under ``results_dir``, by the ``name`` that commands take.

    ``best`` maps each corpus to the highest mean of ``measure``, the run's first; null where no point has one.
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
    measures = about["config"].get("measures") or [""]
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
        measure=measures[0],
        best={corpus: best_of(points, corpus, measures[0]) for corpus in corpora},
    )


def best_of(points: list[dict[str, Any]], corpus: str, measure: str) -> float | None:
    """The best mean among all documents of a corpus: what a filter leaves of them is easier, or harder."""
    means = [point.get(measure) for point in points if point["corpus"] == corpus and not point.get("filter")]
    return max((mean for mean in means if mean is not None), default=None)
