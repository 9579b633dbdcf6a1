"""The filters of a run on each corpus: which documents pass, and which questions these still answer."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from evalkit.config import FilterConfig, RunConfig
from evalkit.corpora import Corpus
from evalkit.corpora.metadata import BY_CHANCE, value_of
from evalkit.corpora.narrowed import NarrowedCorpus, narrowed
from evalkit.errors import UserError, abridged, did_you_mean, printable, say
from evalkit.search.filters import NamedFilter, by_chance, by_value

MOST_FILTERS, SHOWN = 32, 300


@dataclass(frozen=True)
class FilteredCorpus:
    """A corpus as ``filter`` leaves it."""

    filter: NamedFilter
    corpus: NarrowedCorpus


def filtered_corpora(config: RunConfig, corpus: Corpus) -> list[FilteredCorpus]:
    """``corpus`` by each filter of ``config``; none where the run has none.

    One whose documents answer no question has no quality, and one that nothing passes is left out: each is told on
    stderr. Raises UserError for metadata that isn't there, and where nothing passes any of the filters.
    """
    if not config.filter.is_set:
        return []
    filters = by_metadata(config.filter, corpus) if config.filter.field is not None else chances(config.filter, corpus)
    left = [FilteredCorpus(each, narrowed(corpus, passing_ids(each))) for each in filters]
    for each in left:
        if not each.corpus.is_judged:
            passing = len(each.filter.keep.passing)
            who = f"{corpus.name}: {printable(each.filter.name)}"
            say(f"evalkit: {who} has no quality: none of the {passing:,} documents that pass is relevant to a question")
    return left


def by_metadata(config: FilterConfig, corpus: Corpus) -> list[NamedFilter]:
    """A filter for each value of the config's field, those of most documents first, or for each of its values."""
    field = str(config.field)
    if corpus.metadata is None:
        problem = f"corpus '{corpus.name}': its source has no metadata of documents, and so no '{field}'."
        raise UserError(problem, f"But {BY_CHANCE}")
    ids = corpus.documents.ids
    values = corpus.metadata.values(corpus.name, field, corpus.documents.row)
    counts = Counter(value for value in values if value is not None)
    chosen = list(dict.fromkeys(map(written, config.values))) or sorted(counts, key=lambda each: (-counts[each], each))
    if len(chosen) > MOST_FILTERS:
        some = abridged(f"'filter.values=[{','.join(chosen[:3])}]'", SHOWN)
        raise UserError(
            f"corpus '{corpus.name}': '{field}' has {len(chosen):,} values, and each would be a filter.",
            f"Choose at most {MOST_FILTERS}, as in {some}.",
        )
    for value in chosen:
        if value not in counts:
            problem = f"corpus '{corpus.name}': no document has {abridged(f'{field}={value}', SHOWN)}."
            raise UserError(problem, abridged(did_you_mean(value, counts), SHOWN))
    return by_value(field, values, chosen, ids)


def written(value: Any) -> str:
    """A value of the config as metadata has it: ``true``, ``2021``, ``0.5``."""
    return value_of(value, "filter.values", "values") or ""


def chances(config: FilterConfig, corpus: Corpus) -> list[NamedFilter]:
    """A filter for each share that lets a document pass. Raises UserError where none does."""
    filters = by_chance(list(dict.fromkeys(config.selectivity)), config.seed, corpus.documents.ids)
    passed = [each for each in filters if len(each.keep.passing)]
    for each in filters:
        if each not in passed:
            problem = f"none of its {len(corpus.documents):,} documents passes {each.name}"
            if not passed:
                raise UserError(
                    f"corpus '{corpus.name}': {problem}.", "Give larger shares: filter.selectivity=[0.5,0.1]."
                )
            say(f"evalkit: {corpus.name}: {each.name} is left out: {problem}")
    return passed


def passing_ids(each: NamedFilter) -> set[str]:
    return {each.ids[row] for row in each.keep.passing.tolist()}
