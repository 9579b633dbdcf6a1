"""The main hall: the whole story of a run. Each text is read once, then every point of the grid is measured."""

from collections.abc import Generator
from typing import NoReturn

from evalkit.config import RunConfig
from evalkit.embeddings.passes import Progress, no_progress
from evalkit.errors import StoppedAsAskedError
from evalkit.results.record import CorpusRecord, PointRecord
from evalkit.tasks.plan import make_plans


def evaluate(config: RunConfig, progress: Progress = no_progress) -> Generator[CorpusRecord | PointRecord, None, None]:
    """What is known, as soon as it is: a CorpusRecord for each corpus, then a PointRecord for each of its points.

    Raises UserError for whatever the user can mend; all of that is checked before anything is encoded or paid for.
    """
    plans = make_plans(config, progress)
    for plan in plans:
        for data in plan.data:
            read = plan.model.read(data, plan.task.sides(data), progress)
            yield plan.task.record(read)
            yield from plan.task.points(read, data, progress)
    for model in dict.fromkeys(plan.model for plan in plans):
        model.finish()


def help_to_read(config: RunConfig, progress: Progress = no_progress) -> NoReturn:
    """What a rank above 0 does of the same run: it helps to read texts, for rank 0 to measure.

    Raises UserError as ``evaluate`` does, and StoppedAsAskedError at the end.
    """
    said = {}
    for plan in make_plans(config, progress):
        for data in plan.data:
            said[id(plan.model)] = plan.model.help(data, plan.task.sides(data), progress)
    raise StoppedAsAskedError(f"rank {config.rank} of {config.world_size}: {', '.join(said.values())}")
