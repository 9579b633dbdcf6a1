"""Which queries depend on each other: those about one document are answered well or badly together.

Tests and intervals that take such queries for independent err too often (Cameron and Miller 2015, "A Practitioner's
Guide to Cluster-Robust Inference"), so they draw clusters, not queries.
"""

from collections.abc import Collection, Iterable, Mapping

BY_KEY, BY_DOCUMENT = "cluster key", "relevant document"


def cluster_queries(
    qrels: Mapping[str, Mapping[str, int]], keys: Mapping[str, str]
) -> tuple[dict[str, str] | None, str | None]:
    """query id → the name of its cluster, and what made the clusters; null and null where nothing tells.

    ``qrels`` (query id → document id → grade) holds the judged queries alone. ``keys`` (query id → name) win where a
    judged query has one; the queries without are clusters of one. Else the one document of a grade above 0 names the
    cluster, where every query has exactly one: linked by any shared document, most queries of other collections would
    be a single cluster.
    """
    named = {query: keys[query] for query in qrels if query in keys}
    if named:
        prefix = unused_prefix(set(named.values()))
        return {query: named.get(query, prefix + query) for query in qrels}, BY_KEY
    relevant = {query: [document for document, grade in grades.items() if grade > 0] for query, grades in qrels.items()}
    if all(len(documents) == 1 for documents in relevant.values()):
        return {query: documents[0] for query, documents in relevant.items()}, BY_DOCUMENT
    return None, None


def unused_prefix(taken: Collection[str]) -> str:
    """What names of clusters of one query begin with, so that none of them is among ``taken``."""
    prefix = "query "
    while any(name.startswith(prefix) for name in taken):
        prefix = "query " + prefix
    return prefix


def first_of_each_query(rows: Iterable[tuple[str, str | None]]) -> dict[str, str]:
    """query id → cluster name from all rows of a queries file; of a repeated query the first row counts."""
    first: dict[str, str | None] = {}
    for query, name in rows:
        first.setdefault(query, name)
    return {query: name for query, name in first.items() if name}
