"""Which setting a word was meant for that is none: one of another place, of another name, or of another command."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from difflib import get_close_matches
from itertools import chain
from typing import Any, get_args, get_origin, get_type_hints

from evalkit.config import CORPUS_SOURCES, SCHEMAS
from evalkit.config.schema.kinds import MODEL_SCHEMAS, dataclass_of
from evalkit.config.schema.stages import STAGE_KINDS
from evalkit.config.schema.values import MOST_SHOWN
from evalkit.errors import abridged, did_you_mean

CALLED = {  # elsewhere, and here
    **{"k": "top_k", "depth": "top_k", "metric": "measures", "metrics": "measures", "dimensions": "dims"},
    **{"dataset": "corpus", "datasets": "corpus", "data": "corpus", "embedder": "model", "encoder": "model"},
    **{"batch_size": "runtime.token_budget", "gpu": "runtime.device", "budget": "model.api.max_usd"},
    **{"cache_dir": "store.path", "output_dir": "results_dir"},
}
MOST_PLACES = 6
NEAR = 0.6  # as did_you_mean has it


def meant(key: str, value: str, commands: Sequence[str]) -> str:
    """A hint for a ``key`` that none of ``commands`` has, given ``value``: where it is, or what is spelt nearly so."""
    top = {f.name for command in commands for f in fields(SCHEMAS[command])}
    if places := places_of(key, commands):
        return where_it_is(key, value, places)
    if others := [name for name, schema in SCHEMAS.items() if key in {f.name for f in fields(schema)}]:
        command = "" if others[0] == "run" else f"{others[0]} "
        return f"It is a setting of {' and '.join(others)}: python -m evalkit {command}{shown(key, value)}."
    spelt: dict[str, dict[str, None]] = {name: {name: None} for name in top}
    for place in all_places(commands):
        for name in (place.rpartition(".")[2], place.replace(".", "_")):
            spelt.setdefault(name, {})[place] = None
    near = get_close_matches(key, spelt, n=1, cutoff=NEAR)
    if near and near[0] not in top:
        return f"Did you mean {listed(list(spelt[near[0]]), 'or')}?"
    return did_you_mean(key, top)


def places_of(key: str, commands: Sequence[str]) -> list[str]:
    """The settings of ``commands`` whose last part is ``key``, or that it is another name of, as ``runtime.device``."""
    places = list(all_places(commands))
    if CALLED.get(key) in places:
        return [CALLED[key]]
    return list(dict.fromkeys(place for place in places if place.rpartition(".")[2] == key))


def where_it_is(key: str, value: str, places: Sequence[str]) -> str:
    """The hint that names ``places`` of ``key``; where there is one that is called so, with the ``value`` given."""
    if len(places) > 1:
        return f"There are {listed(places, 'and')}: write one of them in full."
    if places[0] == CALLED.get(key):
        return f"It is called {places[0]} here."
    return f"It is {places[0]}: write {shown(places[0], value)}."


def shown(key: str, value: str) -> str:
    return f"{key}={abridged(value, MOST_SHOWN) or '<value>'}"


def listed(names: Sequence[str], word: str) -> str:
    """``a, b and c``, the last ones as a number where there are many."""
    if len(names) > MOST_PLACES:
        return f"{', '.join(names[:MOST_PLACES])} {word} {len(names) - MOST_PLACES} more"
    return f" {word} ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def all_places(commands: Sequence[str]) -> Iterator[str]:
    """Every setting of ``commands`` with the groups that it is in; ``<name>`` stands for that of a choice."""
    for command in commands:
        schema = SCHEMAS[command]
        if command == "run":
            of_groups = (("model", MODEL_SCHEMAS), ("corpus.<name>", CORPUS_SOURCES), ("stages.<name>", STAGE_KINDS))
            yield from chain.from_iterable(
                places_in(kind, f"{group}.") for group, kinds in of_groups for kind in kinds.values()
            )
        yield from places_in(schema)


def places_in(schema: type, above: str = "") -> Iterator[str]:
    for name, hint in get_type_hints(schema).items():
        below = dataclass_of(hint)
        item = group_in(hint)
        if below:
            yield from places_in(below, f"{above}{name}.")
        elif item:
            yield from places_in(item, f"{above}{name}.<name>.")
        else:
            yield f"{above}{name}"


def group_in(hint: Any) -> type | None:
    """The dataclass of a dict's values; null for what is no dict of them."""
    return dataclass_of(get_args(hint)[1]) if get_origin(hint) is dict else None
