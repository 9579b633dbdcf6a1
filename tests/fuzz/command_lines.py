"""Sound command lines with all of their settings, junk for these, and what may be recorded of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, is_dataclass
from types import NoneType, UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from evalkit.config import (
    SCHEMAS,
    BeirCorpus,
    Bm25Model,
    FusionConfig,
    HostedModel,
    IndexConfig,
    MachinePrice,
    QuantizationConfig,
    WordLlamaModel,
)
from evalkit.config.schema.kinds import dataclass_of
from evalkit.config.schema.ranges import Range, range_of

TEXT = object()  # a junk word that is nothing but a text
REFUSED = object()  # one that no setting may take
ANYTHING = object()  # what was merged into others


class Junk(NamedTuple):
    """A word behind ``key=``, and what it means where it is no text."""

    text: str
    means: Any


def nested(opening: str, closing: str, depth: int) -> str:
    return opening * depth + "1" + closing * depth


JUNK = [
    *(Junk(str(n), n) for n in (0, 1, 2, -1, 2**31 - 1, 2**31, 2**63 - 1, 2**63, -(2**63), 10**30, 10**400)),
    *(Junk(repr(x), x) for x in (0.5, -0.5, 1e-9, 1e300, float("inf"), float("-inf"), float("nan"))),
    Junk("9" * 5000, TEXT),
    Junk("1e400", float("inf")),
    *(Junk(word, value) for word, value in (("true", True), ("false", False), ("null", None))),
    *(Junk(str(v).replace(" ", ""), v) for v in ([], [1], [1, -1], [2**63], [[1]], [1.5], [True])),
    Junk("[null]", [None]),
    Junk("[a]", ["a"]),
    Junk("[nan]", [float("nan")]),
    *(Junk(word, value) for word, value in (("{}", {}), ("{a:1}", {"a": 1}), ("{a:{b:[1]}}", {"a": {"b": [1]}}))),
    *(Junk(nested(*brackets, depth), REFUSED) for brackets in (("[", "]"), ("{a:", "}")) for depth in (70, 3000)),
    Junk(nested("[", "]", 50), TEXT),
    *(Junk(word, TEXT) for word in ("Größe", "語料", "\u202egnp", "a b", "x" * 200, "007", "a=b=c", "-", "a(b)", "#1")),
    *(Junk(word, TEXT) for word in ("a\x1b[31mb", "a\tb", "a\nb", "🦜", "\u0661", "1_0", "0x10", "1 000", "٣٫٥")),
    *(Junk(word, REFUSED) for word in ("a\0b", "\ud800", "x" * 100_001, "${nope}", "${nope:1}", "${oc.env:NOPE}")),
    *(Junk(word, REFUSED) for word in ("${", "${a", "${oc.env:", "${${top_k}")),
    *(Junk(word, TEXT) for word in ("choice(1,2)", "range(1,3)", "1,2", "glob(*)", "yes")),
]


class Setting(NamedTuple):
    """Where a setting is, its type, and the schema that has it."""

    path: str
    hint: Any
    schema: type


@dataclass(frozen=True, eq=False)
class Line:
    """A sound call, and the schema of each group of settings in it that is chosen by name."""

    command: str
    words: tuple[str, ...]
    chosen: Mapping[str, type] = field(default_factory=dict)

    @property
    def settings(self) -> list[Setting]:
        return list(settings_below(SCHEMAS[self.command], "", self.chosen))


def settings_below(schema: type, parent: str, chosen: Mapping[str, type]) -> Iterator[Setting]:
    for name, hint in get_type_hints(schema).items():
        path = f"{parent}{name}"
        yield Setting(path, hint, schema)
        below = {place: group for place, group in chosen.items() if path in (place, place.rpartition(".")[0])}
        group = dataclass_of(hint)
        for place, known in (below or ({path: group} if group else {})).items():
            yield from settings_below(known, f"{place}.", chosen)


OF_RUN = ("corpus=beir", "corpus.beir.path={home}/corpus", "at_workload_seconds=0", "measures=[nDCG@10]", "top_k=10",
          "runtime.latency_calls=2")  # fmt: skip
BEIR = {"corpus.beir": BeirCorpus, "pricing.machines.aws_c7a_large": MachinePrice}
VECTORS = {"model": WordLlamaModel, "index.hnsw": IndexConfig, "quantization.int8": QuantizationConfig, **BEIR}
RUNS = "results_dir={home}/results"
LINES = [
    Line("run", ("model=bm25", *OF_RUN), {"model": Bm25Model, **BEIR}),
    Line("run", ("model=random", "stages=bm25", *OF_RUN), {"stages.bm25": FusionConfig, **BEIR}),
    Line("run", ("model=cohere", "model.api.dry_run=true", *OF_RUN), {"model": HostedModel, **BEIR}),
    Line("run", ("model=wordllama", "index=hnsw", "quantization=int8", "runtime.timing_seconds=0", *OF_RUN), VECTORS),
    Line("gate", ("gate", "baseline={run}", "candidate={run}", "resamples=100", "inconclusive_exit_code=0", RUNS)),
    Line("report", ("report", RUNS), {"pricing.machines.aws_c7a_large": MachinePrice}),
    Line("export", ("export", "formats=[trec]", "output_dir=exports", RUNS)),
    Line("store", ("store", "path={home}/empty")),
    Line("baseline", ("baseline", "accept", RUNS)),
    Line("new-corpus", ("new-corpus", "{home}/texts")),
]
RUN_LINES = LINES[:2]  # which need no model but the words of the documents


def possible(setting: Setting, junk: Junk) -> list[Any]:
    """What may be recorded of ``junk`` at ``setting``; nothing where it must be refused, ANYTHING of a dict merged."""
    if junk.means is REFUSED:
        return []
    of = range_of(setting.schema, setting.path.rpartition(".")[2])
    return [value for option in options_of(setting.hint) for value in as_option(option, junk, of)]


def options_of(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def as_option(option: Any, junk: Junk, of: Range) -> list[Any]:
    if option is Any or is_dataclass(option) or get_origin(option) is dict:
        return [ANYTHING]
    if option is str:
        return [] if junk.means is None else [junk.text]
    if option is NoneType:
        return [None] if junk.means is None else []
    if option is bool:
        truths = {"yes": True} if junk.means is TEXT else {}
        return [junk.means] if isinstance(junk.means, bool) else [truths[junk.text]] if junk.text in truths else []
    if option in (int, float):
        number = number_of(junk, option)
        return [number] if number is not None and of.lowest <= number <= of.highest else []
    items = junk.means if isinstance(junk.means, list) else [REFUSED]
    (item,) = get_args(option)
    fitting = [as_option(item, Junk(str(value), value), of) for value in items]
    return [[values[0] for values in fitting]] if all(fitting) else []


def number_of(junk: Junk, kind: type) -> float | None:
    """The number that a word is to OmegaConf, which asks Python for that of a text."""
    if junk.means is not TEXT:
        is_number = isinstance(junk.means, int if kind is int else int | float) and not isinstance(junk.means, bool)
        return junk.means if is_number else None
    try:
        return kind(junk.text)
    except ValueError:
        return None
