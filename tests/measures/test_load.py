"""Clients at once: every step measures its own calls, FAISS and PyTorch get along, and a failure is not swallowed."""

import threading
import time

import numpy as np
import pytest

from evalkit.measures.load import CLIENTS, FIGURES, ladder


def test_every_step_of_the_ladder_has_a_throughput_and_a_p95() -> None:
    seen: set[str] = set()
    started: list[str] = []

    def call(i: int) -> None:
        seen.add(threading.current_thread().name)
        time.sleep(0.01)

    figures = ladder(call, 0.2, lambda: started.append(threading.current_thread().name))
    assert tuple(figures) == FIGURES
    assert len(started) == sum(CLIENTS)
    assert seen == set(started)
    for clients in CLIENTS:
        assert 0 < figures[f"load_queries_per_second_{clients}"] <= 1.05 * clients / 0.01
        assert figures[f"load_ms_p95_{clients}"] >= 10


def test_a_failing_call_is_raised() -> None:
    def call(i: int) -> None:
        raise ValueError("no such index")

    with pytest.raises(ValueError, match="no such index"):
        ladder(call, 0.05, lambda: None)


def test_pytorch_and_faiss_work_side_by_side_in_threads() -> None:
    import faiss
    import torch

    vectors = np.random.default_rng(0).random((2_000, 64), dtype=np.float32)
    index = faiss.IndexFlatIP(64)
    index.add(vectors)
    weights = torch.rand(64, 64)

    def call(i: int) -> None:
        query = torch.nn.functional.linear(torch.from_numpy(vectors[i % 2_000 : i % 2_000 + 1]), weights).numpy()
        assert index.search(query, 10)[1].shape == (1, 10)

    assert ladder(call, 0.1, lambda: faiss.omp_set_num_threads(1))["load_queries_per_second_8"] > 0
