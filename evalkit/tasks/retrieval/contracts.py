"""Whether a table that was there already says the same of its model as the run does of its own."""

from dataclasses import asdict

from evalkit.config import IndexConfig
from evalkit.errors import say
from evalkit.results.contract import contract_of, differences
from evalkit.search import DocumentSearcher, Searcher
from evalkit.tasks.models import EncodedCorpus


def tell_differences(
    name: str, index: IndexConfig, searcher: Searcher | DocumentSearcher, read: EncodedCorpus, dims: int, told: set[str]
) -> None:
    """Say on one line, before it is searched, in what the contract of the table of index ``name`` differs.

    Nothing is refused here: filling has compared a sample of the table's vectors with the run's, and refused others.
    What is left are words that are wrong or old, and prompts of queries, which no vector of a document shows. ``told``
    are the lines that were said.
    """
    if index.table is None:
        return
    contract = searcher.index.facts().contract
    of_run = contract_of(read.record.model, asdict(read.encoder.config), dims)
    if contract is None or not (differing := differences(contract, of_run)):
        return
    line = (
        f"evalkit: index {name}: its table says {'; '.join(differing)}. A sample of its vectors is as the run's "
        "all the same: see that whoever asks it does so as the run does."
    )
    if line not in told:
        say(line)
        told.add(line)
