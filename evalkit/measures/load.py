"""Search under load: several clients at once, each sending one query after another for a fixed time."""

import threading
import time
from collections.abc import Callable

import numpy as np

CLIENTS = (1, 2, 4, 8)
WARM_UP_SHARE = 0.2
FIGURES = tuple(f"load_{what}_{clients}" for clients in CLIENTS for what in ("queries_per_second", "ms_p95"))


def ladder(call: Callable[[int], object], seconds: float, start_client: Callable[[], None]) -> dict[str, float]:
    """``load_queries_per_second_<n>`` and ``load_ms_p95_<n>`` for n = 1, 2, 4 and 8 clients at once.

    Each step lasts ``seconds`` after a warm-up of a fifth of that. Every client is a thread that first calls
    ``start_client`` (to pin its own threads) and then ``call(i)`` for i = 0, 1, 2 …
    """
    figures = {}
    for clients in CLIENTS:
        samples_ms, elapsed = step(call, clients, seconds, start_client)
        figures[f"load_queries_per_second_{clients}"] = len(samples_ms) / elapsed
        figures[f"load_ms_p95_{clients}"] = float(np.percentile(samples_ms, 95))
    return figures


def step(
    call: Callable[[int], object], clients: int, seconds: float, start_client: Callable[[], None]
) -> tuple[list[float], float]:
    """Milliseconds of every call that ended after the warm-up, and the seconds in which they ended."""
    all_ready = threading.Barrier(clients + 1)
    measured: list[list[tuple[float, float]]] = [[] for _ in range(clients)]
    failures: list[BaseException] = []
    stop = threading.Event()

    def client(number: int) -> None:
        i = number
        try:
            start_client()
            all_ready.wait()
            while not stop.is_set():
                started = time.perf_counter()
                call(i)
                ended = time.perf_counter()
                measured[number].append((ended, (ended - started) * 1000))
                i += clients
        except Exception as error:
            failures.append(error)
            all_ready.abort()

    threads = [threading.Thread(target=client, args=(number,), daemon=True) for number in range(clients)]
    for thread in threads:
        thread.start()
    try:
        all_ready.wait()
        started = time.perf_counter()
        time.sleep(seconds * (1 + WARM_UP_SHARE))
    except threading.BrokenBarrierError:
        raise failures[0] from None
    except BaseException:
        all_ready.abort()
        raise
    finally:  # also where it is interrupted: no thread goes on searching
        stop.set()
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]
    ended = max(last for calls in measured for last, _ in calls[-1:])
    begin = started + seconds * WARM_UP_SHARE
    return [ms for calls in measured for end, ms in calls if end > begin], ended - begin
