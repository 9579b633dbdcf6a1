"""``python -m evalkit gate baseline=<run> candidate=<run>``: is this upgrade safe?

Without ``candidate``, settings of a run (``model=bge dims=256``) are evaluated first, on the baseline's corpora.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from evalkit.commands.arguments import Arguments, refuse_names, split
from evalkit.commands.streams import name_path
from evalkit.config import GateConfig, RunConfig
from evalkit.config.compose import compose, like_run
from evalkit.config.input.files import overrides_of
from evalkit.config.input.words import parse
from evalkit.config.schema.kinds import corpus_config, task_config
from evalkit.config.schema.tasks import RETRIEVAL
from evalkit.config.trust.outside import DATA_OF_CORPUS, value_at
from evalkit.errors import UserError, first_line, say

if TYPE_CHECKING:
    from evalkit.results.reader import StoredRun


def main(arguments: list[str]) -> int:
    """Print the verdict, write its files, and as the last line of stdout the folder that holds them."""
    from rich.console import Console

    from evalkit.gate import Decision, Verdict, decide
    from evalkit.gate.answer import verdict_line
    from evalkit.gate.decision import check
    from evalkit.gate.output import write_files
    from evalkit.gate.pairing import NotComparableError
    from evalkit.gate.terminal import show
    from evalkit.results.writer import remove_unfinished

    words = split("gate", arguments)
    refuse_names("gate", words.names)
    of_gate, of_run = by_config(words)
    config: GateConfig = compose("gate", of_gate)
    check(config)
    results_dir = Path(config.results_dir)
    remove_unfinished(results_dir)
    baseline = finished(accepted(config.baseline, results_dir))
    candidate, repeats = candidate_of(config, baseline, of_run)
    try:
        decision = decide(config, baseline, candidate, repeats)
    except NotComparableError as error:
        decision = Decision(Verdict.NOT_COMPARABLE, (error.sentences,), baseline.name, candidate.name)
    folder = Path(config.reports_dir) / "gate"
    write_files(decision, folder)
    is_terminal = sys.stdout.isatty()
    show(decision, Console(stderr=not is_terminal, width=None if is_terminal else 160))
    say(f"evalkit: {verdict_line(decision)}")
    name_path(folder)
    return decision.exit_code


def candidate_of(
    config: GateConfig, baseline: "StoredRun", of_run: Sequence[str]
) -> tuple["StoredRun", list[tuple["StoredRun", "StoredRun"]]]:
    """The run that is judged, stored as ``config`` names it or evaluated here by ``of_run``, and its repeats.

    Raises UserError for both, for neither, and where the config alone tells that it can't answer the baseline.
    """
    from evalkit.gate.early import check_candidate
    from evalkit.results.reader import find_run

    results_dir = Path(config.results_dir)
    if config.candidate is None:
        if not of_run:
            hint = "Name a run: candidate=<run>, or evaluate one: model=bge dims=256."
            raise UserError("there is no candidate.", hint)
        like_candidate = like(baseline, of_run)
        check_candidate(config, baseline, like_candidate)
        like_baseline = like(baseline, repeating(baseline, of_run)) if config.repeat > 1 else None
        candidate = evaluated(like_candidate, results_dir)
        return candidate, repeated_pairs(config, (like_baseline, like_candidate)) if like_baseline else []
    if of_run:
        raise UserError(f"{of_run[-1]} sets up a run, but candidate={config.candidate} names one.", "Give one of them.")
    candidate = finished(find_run(config.candidate, results_dir))
    if config.repeat > 1:
        raise UserError(
            "repeat measures a candidate that is evaluated here; candidate= names a stored one.",
            "Leave out candidate= and give its settings, as in model=bge dims=256.",
        )
    return candidate, []


def accepted(name: str, results_dir: Path) -> "StoredRun":
    """The run or baseline ``name``. Raises UserError that says how one is made, where nothing is called nearly so."""
    from evalkit.results.reader import find_run, folders_called

    try:
        return find_run(name, results_dir)
    except UserError as error:
        is_plain = Path(name).name == name and name not in (".", "..")
        if folders_called(name, results_dir) or not is_plain or error.hint.startswith("Did you mean"):
            raise
        called = "" if name == "main" else f" name={name}"
        hint = f"Keep a run as that baseline first: python -m evalkit baseline accept <run>{called}."
        raise UserError(f"there is no baseline '{name}' in {results_dir}.", hint) from None


def finished(run: "StoredRun") -> "StoredRun":
    """``run`` itself. Raises UserError for one that Ctrl-C ended before its last point."""
    if not run.about["finished"]:
        raise UserError(f"{run.folder} was interrupted before its last point.", "Run it again to the end.")
    return run


def by_config(words: Arguments) -> tuple[list[str], list[str]]:
    """Settings of the gate, and those of a run to be evaluated first."""
    own = {f.name for f in fields(GateConfig)}
    of_run = {f.name for f in fields(RunConfig)} - own

    def sets_up_a_run(word: str) -> bool:
        return re.split(r"[.@/=]", word.lstrip("+~"), maxsplit=1)[0] in of_run

    given = [word for word in words.overrides if sets_up_a_run(word)]
    return [word for word in words.overrides if word not in given], [*words.flags, *given] if given else []


def like(run: "StoredRun", overrides: Sequence[str]) -> RunConfig:
    """A run with the settings of a stored one, but for what ``overrides`` set."""
    return like_run(run.about["config"], overrides, f"the baseline {run.name}", partial(why_not_its_files, run))


def why_not_its_files(run: "StoredRun", key: str, settings: Mapping[str, Any]) -> str:
    """Why the files that ``run`` names for its corpus ``key`` are not taken; empty where they are what it measured.

    They must lie in the working folder, links followed, and be the corpus of the recorded fingerprint.
    """
    from evalkit.tasks.task import load_data

    for name in (setting for setting in DATA_OF_CORPUS if settings.get(setting)):
        file = Path(settings[name]).expanduser().resolve()
        if not file.is_relative_to(Path.cwd().resolve()):
            return "it is not in the working folder"
        if not file.exists():
            return "there is no such file or folder"
    tasks: Mapping[str, Any] = run.about["config"].get("task") or {RETRIEVAL: {"kind": RETRIEVAL}}
    try:
        source = corpus_config(key, settings)
        read = {load_data(key, source, task_config(name, task)).fingerprint for name, task in tasks.items()}
    except (UserError, OSError) as error:
        return first_line(error)
    measured = {corpus["fingerprint"] for corpus in run.about["corpora"]}
    return "" if read <= measured else "what is there has another fingerprint than what was measured"


def evaluated(config: RunConfig, results_dir: Path) -> "StoredRun":
    from evalkit.commands.run import evaluate_config
    from evalkit.results.reader import read_run

    if config.is_dry:
        raise UserError("a dry run measures nothing that a gate could judge.", "Leave out dry_run.")
    folder, interrupt = evaluate_config(replace(config, results_dir=str(results_dir)))
    if interrupt:
        raise interrupt
    return read_run(folder)


def repeating(baseline: "StoredRun", of_run: Sequence[str]) -> list[str]:
    """Those words of the candidate by which the baseline is measured again: folders, modules, and what it says, too."""
    settings = overrides_of(of_run)

    def says_the_same(word: str) -> bool:
        key = word.partition("=")[0]
        stored = value_at(baseline.about["config"], tuple(key.split(".")))
        return key in ("allow_code", "data_dir") or ("." in key and parse(word).value() == stored)

    return [word for word in of_run if word not in settings or says_the_same(word)]


def repeated_pairs(config: GateConfig, sides: Sequence[RunConfig]) -> list[tuple["StoredRun", "StoredRun"]]:
    """Baseline and candidate evaluated one after the other, ``repeat`` times, every text encoded anew each time."""
    pairs = []
    for turn in range(config.repeat):
        runs = []
        for side in sides:
            with TemporaryDirectory() as fresh:
                run = replace(side, store=replace(side.store, path=fresh), save_rankings=False)
                runs.append(evaluated(run, Path(config.results_dir) / ".repeats"))
        say(f"evalkit: measured in turn {turn + 1} of {config.repeat}")
        pairs.append((runs[0], runs[1]))
    return pairs
