"""Every number that can be set has its range in one table, and what is beyond is told before anything else."""

from collections.abc import Iterator
from dataclasses import is_dataclass
from typing import Any, get_args, get_type_hints

import pytest

from evalkit.config import CORPUS_SOURCES, SCHEMAS, TASK_KINDS, ReportConfig, RunConfig, RuntimeConfig
from evalkit.config.compose import compose
from evalkit.config.schema.kinds import MODEL_SCHEMAS
from evalkit.config.schema.ranges import RANGES, SIGNED_64, range_of
from evalkit.config.schema.stages import STAGE_KINDS
from evalkit.config.schema.values import check_values
from evalkit.errors import UserError


def types_in(hint: Any) -> Iterator[Any]:
    yield hint
    for below in get_args(hint):
        yield from types_in(below)


def schemas_below(schema: type) -> Iterator[type]:
    yield schema
    for hint in get_type_hints(schema).values():
        for found in types_in(hint):
            if is_dataclass(found) and isinstance(found, type):
                yield from schemas_below(found)


ROOTS = (
    *SCHEMAS.values(),
    *MODEL_SCHEMAS.values(),
    *CORPUS_SOURCES.values(),
    *STAGE_KINDS.values(),
    *TASK_KINDS.values(),
)
ALL = sorted({schema for root in ROOTS for schema in schemas_below(root)}, key=lambda schema: schema.__name__)
NUMBERS = [
    (schema, name)
    for schema in ALL
    for name, hint in get_type_hints(schema).items()
    if {int, float} & set(types_in(hint))
]


@pytest.mark.parametrize(("schema", "name"), NUMBERS, ids=[f"{s.__name__}.{n}" for s, n in NUMBERS])
def test_every_number_has_a_range_that_holds_its_default(schema: type, name: str) -> None:
    of = range_of(schema, name)
    assert of is not SIGNED_64
    assert of.lowest < of.highest
    default = getattr(schema, name, None)
    if isinstance(default, int | float):
        assert of.lowest <= default <= of.highest


def test_the_table_names_no_setting_that_there_is_not() -> None:
    assert set(RANGES) <= {parent for schema in ALL for parent in schema.__mro__}
    assert [(s, name) for s, names in RANGES.items() for name in names if name not in get_type_hints(s)] == []


def test_what_is_composed_is_checked() -> None:
    assert len(NUMBERS) > 60
    for command in ("run", "report", "export", "store", "baseline", "new-corpus"):
        compose(command, [])


@pytest.mark.parametrize(
    ("config", "problem", "hint"),
    [
        (RunConfig(top_k=2**63), "top_k=9223372036854775808 is not possible.", "from 1 to 100,000"),
        (RunConfig(top_k=10**400), "top_k=10^400 is not possible.", "from 1 to 100,000"),
        (RunConfig(memory_gb=float("nan")), "memory_gb=nan is not possible.", "from 0 to 1,000,000,000"),
        (RunConfig(runtime=RuntimeConfig("torch", threads=2**31)), "runtime.threads=2147483648 is", "from 1 to 1,024"),
        (RunConfig(dims=[8, 2**64]), "dims=18446744073709551616 is not possible.", "64 bits"),
        (RunConfig(measures=[["a"]]), "measures=[['a']] is not possible: measures takes a list, each", ""),  # type: ignore[list-item]
        (RunConfig(save_rankings=1), "save_rankings=1 is not possible: save_rankings takes true or false.", ""),  # type: ignore[arg-type]
        (RunConfig(top_k=True), "top_k=True is not possible: top_k takes a whole number.", ""),
        (RunConfig(data_dir="a\0b"), "data_dir=a\0b has a character that no text can hold.", ""),
        (RunConfig(data_dir="\ud800"), "data_dir=\ud800 has a character that no text can hold.", ""),
        (ReportConfig(reports_dir="a\x1bb"), "reports_dir=a\x1bb has a character that can't be printed.", ""),
    ],
)
def test_a_value_that_can_not_be_is_told_with_its_range(config: Any, problem: str, hint: str) -> None:
    with pytest.raises(UserError) as refused:
        check_values(config)
    assert refused.value.problem.startswith(problem)
    assert hint in refused.value.hint


def test_a_value_nested_beyond_all_sense_is_refused() -> None:
    deep: Any = 1
    for _ in range(100):
        deep = [deep]
    with pytest.raises(UserError, match="dims is nested more than 64 deep"):
        check_values(RunConfig(dims=deep))
