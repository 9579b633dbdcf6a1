"""FAISS as an engine: a quantization's fragment and an index's template become one of its indexes in this process."""

from collections.abc import Iterator
from contextlib import contextmanager

from evalkit.config import IndexConfig, QuantizationConfig
from evalkit.errors import UserError
from evalkit.search.engine import Plan, Resources
from evalkit.search.engines.faiss.devices import check_moves
from evalkit.search.engines.faiss.indexes import BinaryIndex, FloatIndex
from evalkit.search.engines.faiss.lists_on_disk import PART_OF_MEMORY, ListsOnDisk, can_be_on_disk
from evalkit.search.engines.faiss.selection import why_unfiltered
from evalkit.search.engines.footprint import held_bytes
from evalkit.search.engines.in_process import InProcessIndex
from evalkit.vectors.faiss_strings import EXHAUSTIVE, FLAT, faiss_index, faiss_string


class FaissEngine:
    """Reads the FAISS fragments of both configs; ``kind`` and ``bits`` are not needed."""

    filters = True

    def plan(
        self, dims: int, documents: int, quantization: QuantizationConfig, index: IndexConfig, resources: Resources
    ) -> Plan:
        """Cheap: an empty index is built and thrown away."""
        if not index.faiss:
            raise UserError(
                "this index has no template for the engine faiss.", "Give one, as in faiss: '{quantization}'."
            )
        empty = vector_index(dims, documents, quantization, index)
        for name, values in index.search.items():
            for value in values:
                empty.set_parameters({name: value})
        words = faiss_string(dims, documents, quantization, index).text
        exhaustive = index.faiss == EXHAUSTIVE
        is_exact = exhaustive and quantization.faiss == FLAT
        check_moves(is_exact, resources.device)
        held = held_bytes(empty.index, dims, documents, quantization.rescore, is_exact, resources)
        on_disk = held > resources.memory_bytes and can_be_on_disk(empty.index)
        if on_disk:
            held = held_bytes(empty.index, dims, documents, quantization.rescore, is_exact, resources, on_disk)
        no_filter = why_unfiltered(empty.index)
        return Plan(
            *("faiss", words, dims, documents, quantization, index, empty.metric, exhaustive, resources, held),
            no_filter=no_filter,
            on_disk=on_disk,
        )

    @contextmanager
    def open(self, plan: Plan) -> Iterator[InProcessIndex]:
        """In memory, or on disk in a file without a name: there is nothing to close."""
        import faiss

        main = vector_index(plan.dims, plan.documents, plan.quantization, plan.index)
        if plan.on_disk:
            main = ListsOnDisk(main.index, PART_OF_MEMORY * plan.resources.memory_bytes)
        yield InProcessIndex(plan, main, faiss.__version__)


def vector_index(
    dims: int, documents: int, quantization: QuantizationConfig, index: IndexConfig
) -> FloatIndex | BinaryIndex:
    """The untrained, empty index of ``quantization`` × ``index`` for ``documents`` vectors of ``dims``.

    Raises UserError for what FAISS can't build, and where there are fewer documents than it must be trained on.
    """
    string = faiss_string(dims, documents, quantization, index)
    native = faiss_index(string, documents)
    return BinaryIndex(native, dims) if string.is_binary else FloatIndex(native)
