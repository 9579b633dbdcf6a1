"""The filters of a run on each corpus: which documents pass, and which questions these still answer."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evalkit.config import FilterConfig, RunConfig
from evalkit.corpora import Corpus
from evalkit.corpora.metadata import BY_CHANCE, value_of
from evalkit.corpora.narrowed import NarrowedCorpus, narrowed
from evalkit.errors import UserError, abridged, did_you_mean, printable, say
from evalkit.search.filters import NamedFilter, by_chance, by_value

MOST_FILTERS, SHOWN = 32, 300
FEWER = "Leave it out of filter.values."


@dataclass(frozen=True)
class FilteredCorpus:
    """A corpus as ``filter`` leaves it."""

    filter: NamedFilter
    corpus: NarrowedCorpus


def filtered_corpora(config: RunConfig, corpus: Corpus) -> list[FilteredCorpus]:
    """``corpus`` by each filter of ``config``; none where the run has none.

    A value of a field that answers no question is left out, with a line on stderr, where nobody asked for just that.
    Raises UserError for metadata that isn't there, for filters that nothing passes, and those that answer nothing.
    """
    if not config.filter.is_set:
        return []
    filters = by_metadata(config.filter, corpus) if config.filter.field is not None else chances(config.filter, corpus)
    left = [FilteredCorpus(each, narrowed(corpus, passing_ids(each))) for each in filters]
    unanswering = [each.filter for each in left if not len(each.corpus.queries)]
    if unanswering and (config.filter.selectivity or config.filter.values or len(unanswering) == len(left)):
        raise answers_nothing(corpus, config.filter, unanswering[0], left)
    for each in unanswering:
        say(f"evalkit: {corpus.name}: {printable(each.name)} is left out: it answers no question")
    return [each for each in left if len(each.corpus.queries)]


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
    """A filter for each share. Raises UserError for one that lets nothing pass."""
    shares = list(dict.fromkeys(config.selectivity))
    filters = by_chance(shares, config.seed, corpus.documents.ids)
    for each in filters:
        if not len(each.keep.passing):
            problem = f"corpus '{corpus.name}': none of its {len(corpus.documents):,} documents passes {each.name}."
            raise UserError(problem, "Give larger shares: filter.selectivity=[0.5,0.1].")
    return filters


def answers_nothing(
    corpus: Corpus, config: FilterConfig, unanswering: NamedFilter, left: Sequence[FilteredCorpus]
) -> UserError:
    """For a filter whose documents answer no question."""
    passing = len(unanswering.keep.passing)
    problem = (
        f"corpus '{corpus.name}': {abridged(unanswering.name, SHOWN)} lets {passing:,} of {len(corpus.documents):,} "
        "documents pass, and none of these is relevant to a question."
    )
    answering = [each.filter.name for each in left if len(each.corpus.queries)]
    if config.selectivity:
        asked = zip(dict.fromkeys(config.selectivity), left, strict=True)
        shares = [share for share, each in asked if len(each.corpus.queries)]
        some = ",".join(f"{share:g}" for share in shares) or "0.5,0.1"
        return UserError(problem, f"Give larger shares: filter.selectivity=[{some}].")
    return UserError(problem, FEWER if answering else f"Filter by another field; {BY_CHANCE}")


def passing_ids(each: NamedFilter) -> set[str]:
    return {each.ids[row] for row in each.keep.passing.tolist()}
