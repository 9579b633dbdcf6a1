"""One search as Qdrant's REST API has it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from evalkit.arrays import Floats
from evalkit.search.engines.qdrant.connection import Connection
from evalkit.search.engines.qdrant.store import SearchRequest

if TYPE_CHECKING:
    from qdrant_client.models import Filter, SearchParams

PointId = int | str | UUID


def searched(
    connection: Connection,
    collection: str,
    vector: Floats,
    search: SearchRequest,
    points: Sequence[PointId] | None,
    using: str | None = None,
) -> list[tuple[PointId, float]]:
    """(point, score) of the best, best first. ``using`` is the vectors' name; ``points`` are the only ones compared."""
    answer = connection.ask(
        "it was searched",
        lambda client: client.query_points(
            collection,
            query=vector.tolist(),
            using=using,
            limit=search.limit,
            query_filter=condition(points, search.label),
            search_params=parameters(search),
            with_payload=False,
        ),
    )
    return [(point.id, point.score) for point in answer.points]


def condition(points: Sequence[PointId] | None, label: tuple[str, int] | None) -> "Filter | None":
    """What points must fulfil: to be one of ``points``, or to have ``label``; null for all."""
    from qdrant_client import models

    must: list[Any] = []
    if points is not None:
        must.append(models.HasIdCondition(has_id=list(points)))
    if label is not None:
        key, value = label
        must.append(models.FieldCondition(key=key, match=models.MatchValue(value=value)))
    return models.Filter(must=must) if must else None


def parameters(search: SearchRequest) -> "SearchParams":
    from qdrant_client import models

    is_rescored = search.oversampling is not None
    return models.SearchParams(
        hnsw_ef=search.hnsw_ef,
        exact=search.exact,
        quantization=models.QuantizationSearchParams(rescore=is_rescored, oversampling=search.oversampling),
    )
