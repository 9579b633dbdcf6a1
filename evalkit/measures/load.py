"""Search under load: several clients at once, and queries that are offered at a rate, whoever is still waiting.

Clients that wait for an answer before they ask again slow down with a slow server, so their latencies leave out those
who would have queued meanwhile ("coordinated omission": Tene, "How NOT to measure latency", 2013). At a fixed rate the
moments of sending are fixed in advance, and every latency counts from its moment, however late the query could be sent.
"""

import math
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Protocol

import numpy as np

from evalkit.arrays import Floats

WARM_UP_SHARE = 0.2
LEAST_SENDERS, MOST_SENDERS = 8, 64
SPARE = 4  # times as many senders as wait for an answer on average

OF_CLIENTS = ("load_queries_per_second", "load_ms_p95")
OF_RATE = (
    *("load_offered_queries_per_second", "load_answered_queries_per_second", "load_offered_errors"),
    *("load_offered_ms_p50", "load_offered_ms_p95"),
)

Call = Callable[[int], object]
Client = Callable[[], AbstractContextManager[object]]  # entered by each client in its own thread, and left at the end
Work = Callable[[int, float], None]  # of the client of that number, from that moment of its clock on


class Clock(Protocol):
    def now(self) -> float:
        """Seconds since some moment."""

    def sleep_until(self, moment: float, stop: threading.Event) -> None:
        """Returns at ``moment``, or when ``stop`` is set."""


class WallClock:
    def now(self) -> float:
        return time.perf_counter()

    def sleep_until(self, moment: float, stop: threading.Event) -> None:
        stop.wait(max(0.0, moment - time.perf_counter()))


WALL_CLOCK = WallClock()


def ladder(call: Call, client: Client, clients: Sequence[int], seconds: float) -> dict[str, float]:
    """``load_queries_per_second_<n>`` and ``load_ms_p95_<n>`` for each number n of ``clients`` at once.

    Each step lasts ``seconds`` after a warm-up of a fifth of that. Every client is a thread that enters ``client``,
    opens its connection by a first call that is not counted, and then makes ``call(i)`` for i = 0, 1, 2 … one after the
    other. Raises what a call raises.
    """
    figures: dict[str, float] = {}
    for number in clients:
        samples_ms, elapsed = step(call, client, number, seconds)
        values = (len(samples_ms) / elapsed, float(np.percentile(samples_ms, 95)))
        figures |= {f"{name}_{number}": value for name, value in zip(OF_CLIENTS, values, strict=True)}
    return figures


def step(call: Call, client: Client, clients: int, seconds: float) -> tuple[list[float], float]:
    """Milliseconds of every call that ended after the warm-up, and the seconds in which they ended."""
    measured: list[list[tuple[float, float]]] = [[] for _ in range(clients)]
    stop = threading.Event()

    def search(number: int, began: float) -> None:
        i = number
        while not stop.is_set():
            started = time.perf_counter()
            call(i)
            ended = time.perf_counter()
            measured[number].append((ended, (ended - started) * 1000))
            i += clients

    def wait(threads: Sequence[threading.Thread]) -> None:
        time.sleep(seconds * (1 + WARM_UP_SHARE))

    began = together(search, client, clients, call, stop, wait)
    ended = max(last for calls in measured for last, _ in calls[-1:])
    begin = began + seconds * WARM_UP_SHARE
    return [ms for calls in measured for end, ms in calls if end > begin], ended - begin


def offered(
    call: Call, client: Client, rate: float, seconds: float, senders: int, clock: Clock = WALL_CLOCK
) -> dict[str, float | None]:
    """What becomes of ``rate`` queries a second that are offered for ``seconds``, after a warm-up of a fifth of that.

    ``load_offered_queries_per_second``; of these ``load_answered_queries_per_second``, and ``load_offered_errors``, the
    share that failed. ``load_offered_ms_p50`` and ``…_p95``: milliseconds from the moments of sending within which so
    many of all that were offered had an answer; null where too many failed. The moments are random and the same every
    time, as of users who know nothing of each other (a Poisson process of so many arrivals). As many threads as
    ``senders`` send; where all of them wait, the next query is sent late and its latency has the wait. A query that
    could not be sent for ``seconds`` has failed.
    """
    warm_up = seconds * WARM_UP_SHARE
    moments = send_moments(rate, warm_up, seconds)
    answered_after = np.full(len(moments), np.inf)
    numbers, stop = iter(range(len(moments))), threading.Event()
    taking = threading.Lock()

    def send(sender: int, began: float) -> None:
        while True:
            with taking:
                number = next(numbers, None)
            if number is None:
                return
            moment = began + moments[number]
            clock.sleep_until(moment, stop)
            if stop.is_set():
                return
            if clock.now() - moment <= seconds:
                with suppress(Exception):
                    call(number)
                    answered_after[number] = clock.now() - moment

    def open_connection(sender: int) -> None:
        with suppress(Exception):
            call(sender)

    together(send, client, senders, open_connection, stop, join, clock)
    counted = moments >= warm_up
    return figures_of_offer(moments[counted] - warm_up, answered_after[counted], seconds)


def figures_of_offer(moments: Floats, answered_after: Floats, seconds: float) -> dict[str, float | None]:
    """The figures of queries that were sent at ``moments`` and answered after so many seconds, infinite for never."""
    is_answered = np.isfinite(answered_after)
    took = max(seconds, float((moments + answered_after)[is_answered].max(initial=0.0)))
    in_order = np.sort(answered_after) * 1000
    values = (
        *(len(moments) / seconds, float(is_answered.sum() / took), float(1 - is_answered.mean())),
        *(within(in_order, 0.50), within(in_order, 0.95)),
    )
    return dict(zip(OF_RATE, values, strict=True))


def within(in_order: Floats, share: float) -> float | None:
    """The least that this ``share`` of ascending values is at most; null where it is infinite."""
    value = float(in_order[math.ceil(share * len(in_order)) - 1])
    return value if math.isfinite(value) else None


def send_moments(rate: float, warm_up: float, seconds: float) -> Floats:
    """Seconds from the start, ascending: as many as ``rate`` asks for in the warm-up, and as many in ``seconds``.

    Given their number, the arrivals of a Poisson process lie anywhere with the same probability.
    """
    generator = np.random.default_rng(0)
    before = generator.uniform(0.0, warm_up, round(rate * warm_up))
    counted = warm_up + generator.uniform(0.0, seconds, max(1, round(rate * seconds)))
    return np.concatenate([np.sort(before), np.sort(counted)])


def enough_senders(rate: float, mean_ms: float) -> int:
    """Several times as many as wait for an answer at once (Little's law), so that few queries are sent late."""
    return min(max(LEAST_SENDERS, math.ceil(SPARE * rate * mean_ms / 1000)), MOST_SENDERS)


def together(
    work: Work,
    client: Client,
    clients: int,
    first_call: Call,
    stop: threading.Event,
    meanwhile: Callable[[Sequence[threading.Thread]], None],
    clock: Clock = WALL_CLOCK,
) -> float:
    """Let so many threads enter ``client``, make their ``first_call`` and then, all at once, begin with ``work``.

    They are told to ``stop`` when ``meanwhile`` is over, and have ended when this returns the moment they began. Raises
    what one of them raised.
    """
    failures: list[BaseException] = []
    began: list[float] = []
    all_ready = threading.Barrier(clients + 1, action=lambda: began.append(clock.now()))

    def run(number: int) -> None:
        try:
            with client():
                first_call(number)
                all_ready.wait()
                work(number, began[0])
        except Exception as error:
            failures.append(error)
            all_ready.abort()

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(clients)]
    for thread in threads:
        thread.start()
    try:
        all_ready.wait()
        meanwhile(threads)
    except threading.BrokenBarrierError:
        raise failures[0] from None
    except BaseException:
        all_ready.abort()
        raise
    finally:  # also where it is interrupted: no thread goes on searching
        stop.set()
        join(threads)
    if failures:
        raise failures[0]
    return began[0]


def join(threads: Sequence[threading.Thread]) -> None:
    for thread in threads:
        thread.join()
