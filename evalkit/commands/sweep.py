"""A sweep (``-m``) before its first run: how many runs it is, and whether every one of them can be."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evalkit.commands.arguments import Arguments
from evalkit.config.checks.run import check
from evalkit.config.compose import compose
from evalkit.config.input.files import group_choices, user_conf_dirs
from evalkit.config.input.words import parse
from evalkit.errors import UserError

MOST_RUNS = 1_000
OTHER_SWEEPERS = "hydra/sweeper="  # which choose their runs as they go


def check_sweep(words: Arguments) -> None:
    """Raises UserError for more than MOST_RUNS runs, and for the first that can't be."""
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

    parsed = [parse(word) for word in words.overrides]
    if None in parsed or any(word.startswith(OTHER_SWEEPERS) for word in words.overrides):
        return  # Hydra says what it can't read
    extra = user_conf_dirs(words.flags)
    runs = math.prod(choices_in(override, extra) for override in parsed)
    if not runs:
        raise UserError("the sweep is of no run.", "Give at least one value to each setting.")
    if runs > MOST_RUNS:
        raise UserError(
            f"the sweep is of {runs:,} runs.", f"At most {MOST_RUNS:,} are made at a time: sweep over less."
        )
    if any(is_open(override) for override in parsed):
        return
    flags = [flag for flag in words.flags if flag not in ("-m", "--multirun")]
    for overrides in BasicSweeper.split_arguments(parsed, None)[0]:
        check(compose("run", [*flags, *overrides]))


def choices_in(override: Any, extra: Sequence[Path]) -> int:
    """How many values a word gives to its setting. Raises UserError for a range without an end."""
    from hydra.core.override_parser.types import ChoiceSweep, Glob, RangeSweep

    value = override.value()
    if isinstance(value, Glob):
        return len(value.filter(list(group_choices(override.get_key_element(), extra))))
    if isinstance(value, RangeSweep):
        start, stop, step = (float(bound or 0) for bound in (value.start, value.stop, value.step))
        if not math.isfinite(start) or not math.isfinite(stop) or not math.isfinite(step) or step == 0:
            raise UserError(f"'{override.input_line}' has no end.", "Write range(<first>,<end>,<step>), with numbers.")
        return max(0, math.ceil((stop - start) / step))
    return len(value.list) if isinstance(value, ChoiceSweep) else 1


def is_open(override: Any) -> bool:
    """Whether Hydra alone knows what a word's sweep is over: names of files, or anything between two bounds."""
    from hydra.core.override_parser.types import Glob, IntervalSweep

    return isinstance(override.value(), Glob | IntervalSweep)
