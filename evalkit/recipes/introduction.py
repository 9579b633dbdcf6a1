"""What every text says first, in comments: which setting it is, where it was measured, what its vectors are."""

from collections.abc import Iterator

from evalkit.recipes.chosen import Chosen
from evalkit.recipes.literals import comment, python
from evalkit.results.setting import WHOLE


def introduction(chosen: Chosen, mark: str) -> str:
    """Comments behind ``mark``, without a line break at the end."""
    return comment(mark, lines(chosen))


def lines(chosen: Chosen) -> Iterator[str]:
    version = f" ({chosen.engine_version})" if chosen.engine_version else ""
    yield f"{chosen.words}, measured in {chosen.engine}{version} among {chosen.vectors:,} vectors."
    yield f"Vectors are cut to {chosen.dims} dims and are of unit length; the contract says what makes them."
    if chosen.chunking != WHOLE:
        yield f"Each vector is a chunk of a document: {chosen.chunking}."
    if chosen.stages:
        yield f"Behind the search comes what is not here: {chosen.stages}."
    if chosen.is_there:
        yield "The table was there already, with its index: this is how it was asked."


def contract_literal(chosen: Chosen) -> str:
    """The contract as Python's dict, a line for each of its parts."""
    parts = "".join(f"    {python(key)}: {python(value)},\n" for key, value in chosen.contract.items())
    return f"CONTRACT = {{\n{parts}}}"


def python_text(chosen: Chosen, *parts: str) -> str:
    """A module of ``parts``, two empty lines between them, behind the introduction."""
    return "\n\n\n".join((introduction(chosen, "#"), *(part.strip("\n") for part in parts if part))) + "\n"
