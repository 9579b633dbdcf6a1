"""Exact search over float32 vectors that no FAISS index holds: left on disk, or on an accelerator through PyTorch."""

from typing import Any

import numpy as np

from evalkit.arrays import FloatMatrix, Rows, Scores
from evalkit.search.engine import Filter
from evalkit.search.engines.vector_index import VectorIndex
from evalkit.vectors.matrix import Vectors


class StoredFlatIndex(VectorIndex):
    """Vectors stay on disk: searched block by block, each block's best merged into the best so far.

    The same results as a flat float32 index with little more memory than one block.
    """

    def __init__(self, documents: Vectors) -> None:
        self.documents = documents
        self.rows = 0

    def add(self, documents: FloatMatrix) -> None:
        """Count only: the vectors are there already."""
        self.rows += len(documents)

    def search(self, queries: FloatMatrix, k: int, keep: Filter | None = None) -> tuple[Scores, Rows]:
        import faiss

        heap = faiss.ResultHeap(len(queries), k, keep_max=True)
        for first, block in self.documents.blocks():
            passing = None if keep is None else within(keep.passing, first, len(block))
            if passing is not None:
                block = block[passing - first]
            if len(block):
                scores, rows = faiss.knn(queries, block, min(k, len(block)), metric=faiss.METRIC_INNER_PRODUCT)
                heap.add_result(scores, rows + first if passing is None else passing[rows])
        heap.finalize()
        return heap.D, heap.I

    def reconstruct(self, rows: Rows) -> FloatMatrix:
        return self.documents.take(rows)

    def serialized_bytes(self) -> int:
        return self.rows * self.documents.dims * 4


def within(rows: Rows, first: int, count: int) -> Rows:
    """Those of ``rows`` (ascending) among the ``count`` from ``first`` on."""
    return rows[slice(*np.searchsorted(rows, [first, first + count]))]


class TorchFlatIndex(VectorIndex):
    """Vectors on a PyTorch device, for machines whose FAISS has no GPU support: one matrix product and a top-k."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.blocks: list[Any] = []

    def add(self, documents: FloatMatrix) -> None:
        import torch

        self.blocks.append(torch.from_numpy(documents.copy()).to(self.device))

    def search(self, queries: FloatMatrix, k: int, keep: Filter | None = None) -> tuple[Scores, Rows]:
        """Block by block, so that no more than one block's scores are held. Filters are searched on the CPU alone."""
        import torch

        on_device = torch.from_numpy(np.ascontiguousarray(queries)).to(self.device)
        best = torch.empty((len(on_device), 0), device=self.device)
        rows = torch.empty((len(on_device), 0), dtype=torch.int64, device=self.device)
        first = 0
        for block in self.blocks:
            scores, in_block = (on_device @ block.T).topk(min(k, len(block)), dim=1)
            best, kept = torch.cat([best, scores], dim=1).topk(min(k, best.shape[1] + scores.shape[1]), dim=1)
            rows = torch.cat([rows, in_block + first], dim=1).gather(1, kept)
            first += len(block)
        return best.cpu().numpy(), rows.cpu().numpy()

    def serialized_bytes(self) -> int:
        return sum(block.nelement() * block.element_size() for block in self.blocks)
