"""A stand-in for a Milvus server: it speaks the protocol, keeps what it is sent and compares every vector."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from pymilvus.grpc_gen import common_pb2, milvus_pb2, milvus_pb2_grpc, schema_pb2

FLOAT, HALF, BITS = 101, 102, 100  # types of vectors, of fields and of queries
VERSION = "v2.6.1"
GOOD = common_pb2.Status(code=0)


class StandIn(milvus_pb2_grpc.MilvusServiceServicer):  # type: ignore[misc]
    """``requests`` has parameters of every index and search. ``step`` is what float32 components are rounded to, as
    codes are; 0 keeps them as they are. ``segments`` are those that it says it has loaded, by their rows.
    """

    def __init__(self, version: str = VERSION, step: float = 0.0, segments: Sequence[int] = (2_048,)) -> None:
        self.version, self.step, self.segments = version, step, segments
        self.schemas: dict[str, Any] = {}
        self.rows: dict[str, list[int]] = {}
        self.ids: list[str] = []  # of a collection whose primary key is a text, "id"
        self.vectors: dict[str, list[np.ndarray]] = {}
        self.indexes: dict[str, dict[str, str]] = {}
        self.searches: list[dict[str, Any]] = []
        self.dropped: list[str] = []
        self.loaded = True

    def Connect(self, request: Any, context: Any) -> Any:  # noqa: N802 (these are the protocol's names)
        return milvus_pb2.ConnectResponse(status=GOOD, server_info=common_pb2.ServerInfo(build_tags=self.version))

    def GetVersion(self, request: Any, context: Any) -> Any:  # noqa: N802
        return milvus_pb2.GetVersionResponse(status=GOOD, version=self.version)

    def ShowCollections(self, request: Any, context: Any) -> Any:  # noqa: N802
        return milvus_pb2.ShowCollectionsResponse(status=GOOD, collection_names=list(self.schemas))

    def CreateCollection(self, request: Any, context: Any) -> Any:  # noqa: N802
        schema = schema_pb2.CollectionSchema()
        schema.ParseFromString(request.schema)
        self.schemas[request.collection_name] = schema
        self.rows[request.collection_name], self.vectors[request.collection_name] = [], []
        return GOOD

    def DescribeCollection(self, request: Any, context: Any) -> Any:  # noqa: N802
        name = request.collection_name
        if name not in self.schemas:
            return milvus_pb2.DescribeCollectionResponse(status=common_pb2.Status(code=100, reason="not found"))
        return milvus_pb2.DescribeCollectionResponse(status=GOOD, schema=self.schemas[name], collection_name=name)

    def DropCollection(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.dropped.append(request.collection_name)
        self.schemas.pop(request.collection_name, None)
        return GOOD

    def Insert(self, request: Any, context: Any) -> Any:  # noqa: N802
        fields = {field.field_name: field for field in request.fields_data}
        name, count = request.collection_name, request.num_rows
        rows = fields["row"].scalars.long_data.data if "row" in fields else range(len(self.ids), len(self.ids) + count)
        self.ids += fields["id"].scalars.string_data.data if "id" in fields else []
        self.rows[name] += rows
        vectors = fields["vector"].vectors
        data = vectors.float_vector.data or vectors.float16_vector or vectors.binary_vector
        self.vectors[name].append(decoded(fields["vector"].type, data, len(rows), self.step))
        ids = schema_pb2.IDs(int_id=schema_pb2.LongArray(data=rows))
        return milvus_pb2.MutationResult(status=GOOD, IDs=ids, insert_cnt=len(rows))

    def Flush(self, request: Any, context: Any) -> Any:  # noqa: N802
        return milvus_pb2.FlushResponse(status=GOOD)

    def GetFlushState(self, request: Any, context: Any) -> Any:  # noqa: N802
        return milvus_pb2.GetFlushStateResponse(status=GOOD, flushed=True)

    def CreateIndex(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.indexes[request.collection_name] = {pair.key: pair.value for pair in request.extra_params}
        return GOOD

    def DescribeIndex(self, request: Any, context: Any) -> Any:  # noqa: N802
        name = request.collection_name
        params = [common_pb2.KeyValuePair(key=key, value=value) for key, value in self.indexes[name].items()]
        count = len(self.rows[name])
        described = milvus_pb2.IndexDescription(
            index_name="vector", field_name="vector", params=params, indexed_rows=count, total_rows=count, state=3
        )
        return milvus_pb2.DescribeIndexResponse(status=GOOD, index_descriptions=[described])

    def LoadCollection(self, request: Any, context: Any) -> Any:  # noqa: N802
        return GOOD

    def GetLoadingProgress(self, request: Any, context: Any) -> Any:  # noqa: N802
        return milvus_pb2.GetLoadingProgressResponse(status=GOOD, progress=100, refresh_progress=100)

    def GetLoadState(self, request: Any, context: Any) -> Any:  # noqa: N802
        state = common_pb2.LoadStateLoaded if self.loaded else common_pb2.LoadStateNotLoad
        return milvus_pb2.GetLoadStateResponse(status=GOOD, state=state)

    def GetQuerySegmentInfo(self, request: Any, context: Any) -> Any:  # noqa: N802
        infos = [milvus_pb2.QuerySegmentInfo(segmentID=id_, num_rows=rows) for id_, rows in enumerate(self.segments)]
        return milvus_pb2.GetQuerySegmentInfoResponse(status=GOOD, infos=infos)

    def Query(self, request: Any, context: Any) -> Any:  # noqa: N802
        count = schema_pb2.LongArray(data=[len(self.rows[request.collection_name])])
        field = schema_pb2.FieldData(
            type=schema_pb2.Int64, field_name="count(*)", scalars=schema_pb2.ScalarField(long_data=count)
        )
        return milvus_pb2.QueryResults(status=GOOD, fields_data=[field], output_fields=["count(*)"])

    def Search(self, request: Any, context: Any) -> Any:  # noqa: N802
        asked = {pair.key: pair.value for pair in request.search_params}
        self.searches.append(asked | {"filter": request.dsl})
        group = common_pb2.PlaceholderGroup()
        group.ParseFromString(request.placeholder_group)
        kind, values = group.placeholders[0].type, group.placeholders[0].values
        queries = decoded(kind, b"".join(values), len(values))
        stored, k = np.concatenate(self.vectors[request.collection_name]), int(asked["topk"])
        scores = queries @ stored.T
        if kind == BITS:  # of ±1: as many as differ
            scores = (stored.shape[1] - scores) / 2
        best = np.argsort(scores if kind == BITS else -scores, axis=1, kind="stable")[:, :k]
        rows = np.array(self.rows[request.collection_name])[best]
        results = schema_pb2.SearchResultData(
            num_queries=len(values),
            top_k=k,
            topks=[best.shape[1]] * len(values),
            scores=np.take_along_axis(scores, best, axis=1).ravel().tolist(),
            ids=schema_pb2.IDs(int_id=schema_pb2.LongArray(data=rows.ravel().tolist())),
            primary_field_name="row",
        )
        if self.ids:
            found = schema_pb2.StringArray(data=[self.ids[row] for row in rows.ravel().tolist()])
            results.ids.str_id.CopyFrom(found)
            results.primary_field_name = "id"
            scalars = schema_pb2.ScalarField(string_data=found)
            results.fields_data.append(schema_pb2.FieldData(type=schema_pb2.VarChar, field_name="id", scalars=scalars))
        return milvus_pb2.SearchResults(status=GOOD, results=results)

    @property
    def built(self) -> dict[str, Any]:
        """What the one index was asked for; numbers and truths as such."""
        (index,) = self.indexes.values()
        return {key: as_value(value) for key, value in index.items()}


def as_value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def decoded(kind: int, data: Any, count: int, step: float = 0.0) -> np.ndarray:
    """Vectors of the protocol as numbers (count × dims); bits as ±1."""
    if kind == BITS:
        return np.unpackbits(np.frombuffer(data, dtype=np.uint8).reshape(count, -1), axis=1) * 2.0 - 1
    if kind == HALF:
        return np.frombuffer(data, dtype=np.float16).astype(np.float64).reshape(count, -1)
    raw = np.frombuffer(data, dtype=np.float32) if isinstance(data, bytes) else np.array(data)
    numbers = raw.astype(np.float64).reshape(count, -1)
    return np.round(numbers / step) * step if step else numbers
