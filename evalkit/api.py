"""evalkit from Python: the same runs, checks and errors as on the command line, as values. Nothing is printed.

Settings are keywords, named as in conf/: ``dims=[64, 256]``, ``runtime={"precision": "bf16"}``,
``corpus={"beir": {"path": "data/ours"}}``. Whatever a user can mend is a UserError. docs/python.md has examples.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict, Unpack

from evalkit.config import CompareConfig, GateConfig, RecommendConfig, ReportConfig, RunConfig
from evalkit.config.checks.run import fitted
from evalkit.config.compose import compose
from evalkit.config.input.python_values import overrides as words_of
from evalkit.errors import UserError

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from evalkit.gate import Decision
    from evalkit.gate.comparison import Comparison
    from evalkit.reports.data.recommendation import Recommendation
    from evalkit.reports.data.report import Report
    from evalkit.reports.data.sentence import Sentence
    from evalkit.results.reader import StoredRun

__all__ = ["Page", "Run", "UserError", "compare", "load", "recommend", "report", "run"]

Vectors: TypeAlias = "npt.ArrayLike | Mapping[str, npt.ArrayLike]"
Path_ = str | PathLike[str]
Group = str | Mapping[str, Any]  # one choice of a group, by its name, or what is set in it
Groups = str | Sequence[str] | Mapping[str, Mapping[str, Any]]  # several


class RunSettings(TypedDict, total=False):
    """The settings of a run: those of conf/run.yaml and its groups."""

    task: Groups
    model: Group
    corpus: Groups
    quantization: Groups
    index: Groups
    chunking: Group
    stages: Groups
    runtime: Group
    executor: Group
    pricing: Group
    workload: Group
    experiment: str
    store: Mapping[str, Any]
    dims: int | str | Sequence[int | str]
    corpus_sizes: Sequence[int | str]
    distractors: str | None
    measures: Sequence[str]
    top_k: int
    serve_k: int | None
    save_rankings: bool
    save_query_texts: bool
    dry_run: bool
    memory_gb: float | None
    search_device: str
    load: Mapping[str, Any]
    filter: Mapping[str, Any]
    at_workload_seconds: float
    allow_code: Sequence[str]
    data_dir: Path_
    results_dir: Path_
    rank: int | None
    world_size: int | None


@dataclass(frozen=True, repr=False)
class Run:
    """A finished run on disk. Its tables are read when they are first asked for."""

    stored: "StoredRun"

    @property
    def name(self) -> str:
        """A run's id, or what a baseline is called."""
        return self.stored.name

    @property
    def folder(self) -> Path:
        return self.stored.folder

    @property
    def about(self) -> Mapping[str, Any]:
        """Everything in run.json: config, environment, models, corpora, points."""
        return self.stored.about

    @cached_property
    def points(self) -> "pd.DataFrame":
        """One row per setting and corpus, with every figure (results/README.md explains the columns)."""
        return self.stored.points()

    @cached_property
    def queries(self) -> "pd.DataFrame":
        """One row per point and query, with each measure. Raises UserError where the table is missing."""
        return self.stored.queries()

    @cached_property
    def rankings(self) -> "pd.DataFrame":
        """One row per point, query and rank. Raises UserError for a run with ``save_rankings=False``."""
        return self.stored.rankings()

    @cached_property
    def sentence(self) -> "Sentence":
        """What to use by this run alone: ``.answer``, ``.how_sure``, and ``.at_size``."""
        from evalkit.reports.data.one_run import sentence_of_run

        return sentence_of_run(self.stored)

    def report(self, **settings: Any) -> "Page":
        """A report of this run alone; ``settings`` as in conf/report.yaml: ``cost="query_ms_p95"``."""
        return report(self, **settings)

    def gate(self, baseline: "Run | Path_", **settings: Any) -> "Decision":
        """Whether this run is as good as ``baseline``; ``settings`` as in conf/gate.yaml: ``tolerance=0.01``.

        Raises UserError where the two can't be compared.
        """
        from evalkit.commands.gate import finished
        from evalkit.gate import decide

        before = finished(as_run(baseline, self.folder.parent).stored)
        config: GateConfig = compose("gate", words_of("gate", {"baseline": before.folder, **settings}))
        return decide(config, before, finished(self.stored))

    def __repr__(self) -> str:
        points = len(self.about["points"])
        return f"<evalkit.Run {self.name!a}: {points} point{'s' * (points != 1)}>"

    def _repr_html_(self) -> str:
        from evalkit.reports.views.notebook import run_html

        return run_html(self.stored, self.sentence)


@dataclass(frozen=True, repr=False)
class Page:
    """What the report of some runs says; ``write`` makes the page."""

    made: "Report"

    @property
    def answer(self) -> str:
        return self.made.sentence.answer

    @property
    def how_sure(self) -> str:
        return self.made.sentence.how_sure

    @property
    def at_size(self) -> Sequence[str]:
        """What must be known of the answer among as many documents as the workload has."""
        return self.made.sentence.at_size

    @property
    def table(self) -> "pd.DataFrame":
        """One row per setting, its figures the mean over the corpora that all models have."""
        return self.made.table

    @property
    def problems(self) -> Sequence[str]:
        """What was left out and why."""
        return self.made.gathered.problems

    def write(self, folder: Path_ | None = None) -> Path:
        """Write index.html, .md, .csv and .svg into ``folder`` (null: ``reports_dir``); the path of the page."""
        from evalkit.reports.views.files import write_files

        return write_files(self.made, Path(self.made.config.reports_dir if folder is None else folder))

    def __repr__(self) -> str:
        return f"<evalkit.Page of {len(self.made.gathered.runs)} runs: {self.answer!a}>"

    def _repr_html_(self) -> str:
        from evalkit.reports.views.notebook import sentence_html

        return sentence_html(self.made.sentence)


def run(
    *,
    embeddings: "tuple[Vectors, Vectors] | None" = None,
    name: str = "vectors",
    overrides: Sequence[str] = (),
    config_dir: Path_ | None = None,
    **settings: Unpack[RunSettings],
) -> Run:
    """Evaluate one model on one or more corpora, as ``python -m evalkit`` does with the same settings.

    ``embeddings`` are vectors of your own instead of a model: (documents, queries), each an array (n × dims) in the
    order of the corpus, or a dict from id to vector; results call them ``name``.

    ``overrides`` are words of the command line, ``config_dir`` is a folder of your own configs. Raises UserError for
    what can't be, before anything is encoded or paid for. Ctrl-C keeps the finished points and goes on as
    KeyboardInterrupt; ``load()`` then gives them.
    """
    if embeddings is not None:
        from evalkit.embeddings.given_arrays import written

        if "model" in settings:
            raise UserError("embeddings and model are both given.", "Give one of them.")
        with written(*embeddings) as files:
            settings["model"] = {"vectors": {"name": name, **files}}
            return evaluated(words_of_run(settings, overrides, config_dir))
    return evaluated(words_of_run(settings, overrides, config_dir))


def evaluated(words: Sequence[str]) -> Run:
    """The run that ``words`` of a command line set up."""
    from evalkit.commands.run import evaluate_config
    from evalkit.results.reader import read_run

    config: RunConfig = fitted(compose("run", words), words, is_sweep=False)
    folder, interrupt = evaluate_config(config, words)
    if interrupt:
        interrupt.add_note(f"The finished points are kept in {folder}.")
        raise interrupt
    return Run(read_run(folder))


def words_of_run(settings: Mapping[str, Any], overrides: Sequence[str], config_dir: Path_ | None) -> list[str]:
    """The words of a command line that say the same. Raises UserError as that does."""
    from evalkit.commands.arguments import split

    flags = [] if config_dir is None else ["--config-dir", str(config_dir)]
    given = split("run", [*flags, *overrides])
    if given.names:
        raise UserError(
            f"'{given.names[0]}' in overrides sets nothing.", "Write key=value, as in runtime.precision=bf16."
        )
    folders = [] if config_dir is None else [Path(config_dir)]
    return [*given.flags, *words_of("run", settings, folders), *given.overrides]


def load(name: Path_ | None = None, results_dir: Path_ = "results") -> Run:
    """A stored run: by its folder, its name or a baseline's under ``results_dir``, or the newest."""
    from evalkit.results.reader import find_run

    return Run(find_run(None if name is None else str(name), Path(results_dir)))


def as_run(given: Run | Path_, results_dir: Path_ = "results") -> Run:
    return given if isinstance(given, Run) else load(given, results_dir)


def report(*runs: Run | Path_, **settings: Any) -> Page:
    """What stored runs say together, none for all under ``results_dir``; ``settings`` as in conf/report.yaml."""
    from evalkit.reports.data.report import make_report

    config: ReportConfig = compose("report", words_of("report", settings))
    return Page(make_report(replace(config, runs=names_of(runs) or config.runs)))


def names_of(runs: Sequence[Run | Path_]) -> list[str]:
    return [str(each.folder) if isinstance(each, Run) else str(each) for each in runs]


def compare(first: Run | Path_, second: Run | Path_ | None = None, **settings: Any) -> "Comparison":
    """Two runs side by side, null for the newest: differences with intervals, and what differs in config and machine.

    ``settings`` as in conf/compare.yaml. Raises UserError where nothing of the two can be compared.
    """
    from evalkit.gate.comparison import compare as compared

    config: CompareConfig = compose("compare", words_of("compare", settings))
    results_dir = config.results_dir
    other = load(None, results_dir) if second is None else as_run(second, results_dir)
    return compared(config, as_run(first, results_dir).stored, other.stored)


def recommend(*constraints: str, among: Sequence[Run | Path_] = (), **settings: Any) -> "Recommendation":
    """One setting of stored runs that meets ``constraints`` as ``"query_ms_p95<=20"`` and ``"nDCG@10>=0.98*best"``.

    ``among`` are the runs, none for all under ``results_dir``; ``settings`` as in conf/recommend.yaml.
    """
    from evalkit.reports.data.recommendation import recommend as recommended

    config: RecommendConfig = compose("recommend", words_of("recommend", settings))
    return recommended(config, constraints, names_of(among))
