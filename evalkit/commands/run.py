"""``python -m evalkit``: evaluate one model on corpora, or sweep over several runs with ``-m``."""

import os
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from evalkit.commands.arguments import HYDRA_FLAGS, SHOWN_INSTEAD, SWEEPS, Arguments, refuse_names, split
from evalkit.commands.door import exit_code, fail
from evalkit.commands.interrupts import Interrupt, interrupts
from evalkit.commands.streams import meanwhile, name_path, wipe
from evalkit.commands.sweep import check_sweep
from evalkit.config import RunConfig
from evalkit.config.checks.run import check, fitted
from evalkit.config.compose import check_overrides, compose, register_schemas, typed
from evalkit.config.input.files import conf_dir
from evalkit.config.mistakes.composing import readable_config_errors
from evalkit.config.trust.own_code import with_code_of
from evalkit.errors import UserError

if TYPE_CHECKING:
    from evalkit.embeddings.passes import Progress
    from evalkit.results.writer import RunWriter


def main(arguments: list[str]) -> int:
    """One run, or what Hydra makes of the command line: a sweep (``-m``), or what a run is composed of (``--cfg``)."""
    words = split("run", arguments, HYDRA_FLAGS)
    refuse_names("run", words.names)
    flags = {flag.partition("=")[0] for flag in words.flags}
    sys.argv = ["evalkit", *words.settings]
    with meanwhile("evalkit: loading …") if SHOWN_INSTEAD.isdisjoint(flags) else nullcontext():
        if flags.isdisjoint(SHOWN_INSTEAD | SWEEPS):
            config: RunConfig = fitted(compose("run", words.settings, arguments), words.overrides, is_sweep=False)
            wipe()
            return evaluate_and_write(config)
        leave_to_hydra(words, arguments)
    return 0


def leave_to_hydra(words: Arguments, arguments: Sequence[str]) -> None:
    """Let Hydra's own main compose conf/run.yaml and call ``run`` once per run."""
    import hydra

    check_overrides("run", words.overrides)
    if not SWEEPS.isdisjoint(words.flags):
        check_sweep(words)
    register_schemas()
    os.environ["HYDRA_FULL_ERROR"] = "1"  # let errors of composing through to readable_config_errors
    entry: Callable[[], None] = hydra.main(config_path=str(conf_dir()), config_name="run", version_base="1.3")(run)
    with readable_config_errors(arguments):
        entry()


def run(composed: DictConfig) -> None:
    """One run of a sweep. Stops the process with an exit code other than 0 where it fails."""
    wipe()
    if code := exit_code(lambda: evaluate_and_write(of_sweep(composed)), sys.argv[1:]):
        raise SystemExit(code)


def of_sweep(composed: DictConfig) -> RunConfig:
    from hydra.core.hydra_config import HydraConfig

    call = HydraConfig.get()
    overrides: Any = OmegaConf.to_container(call.overrides.task, resolve=False)
    with readable_config_errors(overrides):
        config = with_code_of(typed(composed, RunConfig), folders_named(call.runtime.config_sources))
    return fitted(config, overrides, is_sweep=True)


def evaluate_and_write(config: RunConfig) -> int:
    folder, interrupt = evaluate_config(config)
    name_path(folder)
    if interrupt:
        return fail(f"interrupted{interrupt.by}; the finished points are kept", interrupt.exit_code)
    return 0


def folders_named(sources: Iterable[Any]) -> list[Path]:
    """The folders of configs that the command line names, among Hydra's ``sources``."""
    own = [source.path for source in sources if source.schema == "file" and "command-line" in source.provider]
    return [Path(path.removeprefix("file://")) for path in own]


def evaluate_config(config: RunConfig, words: Sequence[str] | None = None) -> tuple[Path, Interrupt | None]:
    """Evaluate, write and show one run: its folder, and what interrupted it after some points were finished.

    ``words`` are the settings of a call from Python, which shows nothing; null are those of this process's command.
    Raises StoppedAsAskedError for a dry run, once it is told.
    """
    from evalkit.commands.progress import ProgressBars

    check(config)
    with saying_what_is_kept():
        corpora = [Path(getattr(corpus, "path", None) or key).name for key, corpus in config.corpus.items()]
        loading = f"loading {', '.join([*corpora, config.model.name])}"
        with ProgressBars(loading if words is None else "") as progress:
            writer, interrupt = evaluate_and_keep(config, sys.argv[1:] if words is None else words, progress)
        if words is None:
            from evalkit.commands.outcome import show

            with interrupts.deferred():
                show(writer, config)
    return writer.folder, interrupt or interrupts.first


def evaluate_and_keep(
    config: RunConfig, words: Sequence[str], progress: "Progress"
) -> tuple["RunWriter", Interrupt | None]:
    """What wrote the run, and what interrupted it after some points were finished.

    Raises the UserError, OSError or MemoryError that ended it, which then says where the points before it are kept.
    """
    from evalkit.pipeline import evaluate, help_to_read
    from evalkit.results.task_measures import table_measures
    from evalkit.results.writer import RunWriter
    from evalkit.tasks.plan import make_plans

    if config.is_dry:
        make_plans(config, progress)  # which stops there
    if config.is_helper:
        help_to_read(config, progress)
    started = datetime.now(UTC)
    results_dir, run_id = Path(config.results_dir), new_run_id(config, started)
    interrupt, failure = None, None
    measures = table_measures([task.kind for task in config.task.values()], config.measures)
    with RunWriter(results_dir, run_id, config.save_rankings, config.save_query_texts, measures) as writer:
        try:
            with closing(evaluate(config, progress)) as records:
                for record in records:
                    with interrupts.deferred():
                        writer.add(record)
                    interrupts.check()
        except BaseException as error:
            interrupt = interrupts.behind(error)
            if not writer.points or (interrupt is None and not isinstance(error, UserError | OSError | MemoryError)):
                raise
            failure = error if interrupt is None else None
        with interrupts.deferred():
            writer.finish(about(config, words, started, bool(interrupt or failure)))
    if failure:
        failure.add_note(f"The points that were finished before are kept in {writer.folder}.")
        raise failure
    return writer, interrupt


@contextmanager
def saying_what_is_kept() -> Iterator[None]:
    """Let what ends a run without a result be told with what it leaves to the next one."""
    try:
        yield
    except (OSError, MemoryError, KeyboardInterrupt) as error:
        error.add_note("What was encoded before is kept.")
        raise


def new_run_id(config: RunConfig, started: datetime) -> str:
    """Sorts by time, says the model, and is unique: ``20260131T120000.123Z-minilm-1f2e3d``."""
    model = "".join(c if c.isalnum() or c in "-." else "-" for c in config.model.name.rpartition("/")[2]) or "model"
    milliseconds = started.microsecond // 1000
    return f"{started:%Y%m%dT%H%M%S}.{milliseconds:03}Z-{model}-{uuid.uuid4().hex[:6]}"


def about(config: RunConfig, words: Sequence[str], started: datetime, interrupted: bool) -> dict[str, Any]:
    """The head of run.json: when, how and where the run was made."""
    from evalkit import __version__
    from evalkit.results.provenance import environment
    from evalkit.results.secrets import command_without_secrets, without_secrets

    return {
        "evalkit_version": __version__,
        "created_at": started.isoformat(timespec="milliseconds"),
        "finished": not interrupted,
        "command": ["python", "-m", "evalkit", *command_without_secrets(words)],
        "config": without_secrets(asdict(config)),
        "environment": environment(),
    }
