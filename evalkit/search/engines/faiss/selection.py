"""FAISS's own filtered search: a bitmap of the vectors that pass, within the parameters of one search.

Such parameters stand in for those of the index (Faiss wiki, "Setting search parameters for one query"), so each
carries the index's own operating point: without it, nprobe would be 1 and efSearch 16.
"""

from typing import Any

import numpy as np

from evalkit.search.engine import Filter


class Selection:
    """The search parameters of one native ``index`` for each filter that it is searched by."""

    def __init__(self, index: Any) -> None:
        self.index = index
        self.selectors: dict[tuple[str, int], Any] = {}

    def parameters(self, keep: Filter | None) -> Any:
        """What a search with ``keep`` is given; null without one: then the index's own count."""
        return None if keep is None else parameters(self.index, self.selector(keep))

    def selector(self, keep: Filter) -> Any:
        """The bitmap of ``keep``, made once, as a server would keep it."""
        import faiss

        key = keep.column, keep.value
        if key not in self.selectors:
            passes = np.zeros(self.index.ntotal, dtype=bool)
            passes[keep.passing] = True
            self.selectors[key] = faiss.IDSelectorBitmap(np.packbits(passes, bitorder="little"))
        return self.selectors[key]


def parameters(index: Any, selector: Any) -> Any:
    """The parameters of a search of ``index`` among what ``selector`` lets pass, at the operating point that is set."""
    import faiss

    native = downcast(index)
    if isinstance(native, faiss.IndexPreTransform):
        return faiss.SearchParametersPreTransform(index_params=parameters(native.index, selector))
    if hasattr(native, "hnsw"):
        return faiss.SearchParametersHNSW(
            sel=selector,
            efSearch=native.hnsw.efSearch,
            check_relative_distance=native.hnsw.check_relative_distance,
            bounded_queue=native.hnsw.search_bounded_queue,
        )
    if hasattr(native, "nprobe"):
        return faiss.SearchParametersIVF(sel=selector, nprobe=native.nprobe, max_codes=native.max_codes)
    return faiss.SearchParameters(sel=selector)


def why_unfiltered(index: Any) -> str:
    """Why FAISS can't search ``index`` among some of its vectors; empty where it can.

    Its other classes refuse a selector, or any parameters at all, only once they are searched.
    """
    import faiss

    native = downcast(index)
    if isinstance(native, faiss.IndexPreTransform):
        return why_unfiltered(native.index)
    flat = (faiss.IndexFlat, faiss.IndexScalarQuantizer, faiss.IndexRaBitQ, faiss.IndexBinaryFlat)
    can = (*flat, faiss.IndexHNSW, faiss.IndexBinaryHNSW, faiss.IndexIVF)
    return "" if isinstance(native, can) else f"FAISS's {type(native).__name__} takes no filter"


def downcast(index: Any) -> Any:
    """``index`` as what it is."""
    import faiss

    return faiss.downcast_index(index) if isinstance(index, faiss.Index) else faiss.downcast_IndexBinary(index)
