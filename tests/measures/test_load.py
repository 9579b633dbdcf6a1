"""Clients at once and queries at a rate: every step measures its own calls, queueing counts, failures are told."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import numpy as np
import pytest

from evalkit.measures import load as load_module
from evalkit.measures.load import enough_senders, ladder, offered, send_moments

CLIENTS = (1, 2, 4)
NOWHERE = nullcontext


class VirtualClock:
    """Time that passes only while all of so many threads sleep: then the one that sleeps shortest wakes."""

    def __init__(self, threads: int) -> None:
        self.awake, self.time = threads, 100.0
        self.changed = threading.Condition()
        self.asleep: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep_until(self, moment: float, stop: threading.Event | None = None) -> None:
        with self.changed:
            if moment <= self.time:
                return
            self.asleep.append(moment)
            self.one_less_awake()
            self.changed.wait_for(lambda: self.time >= moment)
            self.asleep.remove(moment)

    def one_less_awake(self) -> None:
        """Wakes, where it was the last one, all that sleep until the next moment."""
        self.awake -= 1
        if not self.awake and self.asleep:
            self.time = min(self.asleep)
            self.awake = self.asleep.count(self.time)
            self.changed.notify_all()

    @contextmanager
    def client(self) -> Iterator[None]:
        try:
            yield
        finally:
            with self.changed:
                self.one_less_awake()


def simulated(
    moments: np.ndarray,
    service: Callable[[int], float],
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    senders: int = 1,
) -> tuple[dict[str, float | None], list[float]]:
    """The figures, and seconds of every call from its moment, of a server that takes ``service(i)`` seconds."""
    clock = VirtualClock(senders)
    answered: list[float] = []
    monkeypatch.setattr(load_module, "send_moments", lambda *_: moments)
    monkeypatch.setattr(load_module, "WARM_UP_SHARE", 0.0)
    figures_of_offer = load_module.figures_of_offer

    def kept(sent: np.ndarray, answered_after: np.ndarray, seconds: float) -> dict[str, float | None]:
        answered.extend(answered_after.tolist())
        return figures_of_offer(sent, answered_after, seconds)

    monkeypatch.setattr(load_module, "figures_of_offer", kept)
    opened: set[str] = set()

    def call(number: int) -> None:
        if threading.current_thread().name not in opened:
            opened.add(threading.current_thread().name)  # the first one opens a connection, and takes no time
            return
        took = service(number)
        clock.sleep_until(clock.now() + took)

    return offered(call, clock.client, len(moments) / seconds, seconds, senders, clock), answered


def test_every_step_of_the_ladder_has_a_throughput_and_a_p95() -> None:
    seen: set[str] = set()
    started: list[str] = []
    ended: list[str] = []

    @contextmanager
    def client() -> Iterator[None]:
        started.append(threading.current_thread().name)
        yield
        ended.append(threading.current_thread().name)

    def call(i: int) -> None:
        seen.add(threading.current_thread().name)
        time.sleep(0.01)

    figures = ladder(call, client, CLIENTS, 0.2)
    expected = [f"load_{what}_{clients}" for clients in CLIENTS for what in ("queries_per_second", "ms_p95")]
    assert list(figures) == expected
    assert len(started) == sum(CLIENTS)
    assert seen == set(started) == set(ended)
    for clients in CLIENTS:
        assert 0 < figures[f"load_queries_per_second_{clients}"] <= 1.05 * clients / 0.01
        assert figures[f"load_ms_p95_{clients}"] >= 10


def test_every_client_opens_its_connection_before_any_of_them_is_timed() -> None:
    opened: list[int] = []
    order: list[str] = []
    adding = threading.Lock()

    def call(i: int) -> None:
        with adding:
            is_first = threading.get_ident() not in opened
            opened.append(threading.get_ident())
            order.append("opens" if is_first else "searches")
        time.sleep(0.001)

    ladder(call, NOWHERE, [4], 0.02)
    assert order[:4] == ["opens"] * 4
    assert set(order[4:]) == {"searches"}


def test_a_failing_call_is_raised() -> None:
    def call(i: int) -> None:
        raise ValueError("no such index")

    with pytest.raises(ValueError, match="no such index"):
        ladder(call, NOWHERE, CLIENTS, 0.05)


def test_pytorch_and_faiss_work_side_by_side_in_threads() -> None:
    import faiss
    import torch

    vectors = np.random.default_rng(0).random((2_000, 64), dtype=np.float32)
    index = faiss.IndexFlatIP(64)
    index.add(vectors)
    weights = torch.rand(64, 64)

    @contextmanager
    def client() -> Iterator[None]:
        faiss.omp_set_num_threads(1)
        yield

    def call(i: int) -> None:
        query = torch.nn.functional.linear(torch.from_numpy(vectors[i % 2_000 : i % 2_000 + 1]), weights).numpy()
        assert index.search(query, 10)[1].shape == (1, 10)

    assert ladder(call, client, [8], 0.1)["load_queries_per_second_8"] > 0


def test_a_server_that_is_too_slow_for_the_rate_lets_queries_wait_longer_and_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One every 10 ms to a server that takes 15: the i-th is answered after 15 + 5 i ms."""
    figures, answered = simulated(np.arange(100) * 0.010, lambda i: 0.015, monkeypatch, 1.0)
    assert answered == pytest.approx([0.015 + 0.005 * i for i in range(100)])
    assert figures == pytest.approx(
        {
            "load_offered_queries_per_second": 100,
            "load_answered_queries_per_second": 100 / 1.5,
            "load_offered_errors": 0,
            "load_offered_ms_p50": 15 + 5 * 49,
            "load_offered_ms_p95": 15 + 5 * 94,
        }
    )


def test_two_clients_are_enough_where_one_would_fall_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    figures, answered = simulated(np.arange(100) * 0.010, lambda i: 0.015, monkeypatch, 1.0, senders=2)
    assert answered == pytest.approx([0.015] * 100)
    assert figures["load_answered_queries_per_second"] == pytest.approx(100 / 1.005)


def test_those_who_queue_behind_a_stall_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that takes 100 ms, the others 1 ms, one every 10 ms: the next are answered after 91, 82, 73 … ms."""
    _, answered = simulated(np.arange(40) * 0.010, lambda i: 0.100 if i == 10 else 0.001, monkeypatch, 1.0)
    behind = [0.091 - 0.009 * i for i in range(11)]
    assert answered == pytest.approx([0.001] * 10 + [0.100] + behind + [0.001] * 18)


def test_waiting_times_are_those_of_queueing_theory(monkeypatch: pytest.MonkeyPatch) -> None:
    """M/D/1: with a share ρ of the time taken, a query waits ρ / (2 (1 - ρ)) services (Pollaczek and Khinchine)."""
    rate, seconds, service = 70.0, 300.0, 0.010
    moments = send_moments(rate, 0.0, seconds)
    assert len(moments) == rate * seconds
    _, answered = simulated(moments, lambda i: service, monkeypatch, seconds)
    waited = np.mean(answered) - service
    assert waited == pytest.approx(service * 0.7 / (2 * 0.3), rel=0.1)


def test_calls_that_fail_are_counted_and_end_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def every_tenth_fails(i: int) -> float:
        if i % 10 == 0:
            raise OSError("connection refused")
        return 0.002

    figures, answered = simulated(np.arange(100) * 0.010, every_tenth_fails, monkeypatch, 1.0)
    assert np.isinf(answered).sum() == 10
    assert figures["load_offered_errors"] == pytest.approx(0.1)
    assert figures["load_answered_queries_per_second"] == pytest.approx(90)
    assert figures["load_offered_ms_p50"] == pytest.approx(2)
    assert figures["load_offered_ms_p95"] is None  # 95 of 100 never had an answer


def test_a_server_that_never_answers_has_errors_alone() -> None:
    def call(i: int) -> None:
        raise OSError("connection refused")

    figures = offered(call, NOWHERE, 200.0, 0.2, 2)
    assert figures == {
        "load_offered_queries_per_second": pytest.approx(200),
        "load_answered_queries_per_second": 0.0,
        "load_offered_errors": 1.0,
        "load_offered_ms_p50": None,
        "load_offered_ms_p95": None,
    }


def test_what_could_not_be_sent_for_the_whole_time_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One every 10 ms for a second to a server that takes 100 ms: 11 begin within a second of their moment."""
    figures, answered = simulated(np.arange(100) * 0.010, lambda i: 0.100, monkeypatch, 1.0)
    sent = [i for i in range(100) if math.isfinite(answered[i])]
    assert answered[sent[-1]] - 0.100 <= 1.0
    begun = [moment + after - 0.100 for moment, after in zip(np.arange(100) * 0.010, answered, strict=True)]
    assert [begun[i] for i in sent] == pytest.approx([0.1 * place for place in range(len(sent))])
    assert figures["load_offered_errors"] == pytest.approx(1 - len(sent) / 100)


def test_warm_up_is_offered_and_not_counted() -> None:
    moments = send_moments(100.0, 0.4, 2.0)
    assert ((moments < 0.4).sum(), (moments >= 0.4).sum()) == (40, 200)
    assert (np.diff(moments) >= 0).all()
    assert moments.max() < 2.4


def test_the_wall_clock_offers_what_it_says() -> None:
    figures = offered(lambda i: time.sleep(0.001), NOWHERE, 100.0, 0.5, 8)
    assert figures["load_offered_queries_per_second"] == 100
    assert figures["load_answered_queries_per_second"] <= 100 * (1 - figures["load_offered_errors"])
    assert (figures["load_offered_ms_p50"] or math.inf) >= 1


def test_as_many_send_as_wait_for_an_answer_and_some_to_spare() -> None:
    assert [enough_senders(rate, ms) for rate, ms in ((10.0, 1.0), (100.0, 50.0), (1_000.0, 50.0))] == [8, 20, 64]
