"""Several processes of this machine, each with an encoder of its own, made from plain config."""

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe
from typing import IO, Any

from evalkit.config import ExecutorConfig
from evalkit.embeddings.executors.dispatch import Dispatch
from evalkit.embeddings.executors.executor import no_advance
from evalkit.embeddings.executors.recipe import Recipe
from evalkit.embeddings.executors.replies import Ended, Reply
from evalkit.embeddings.shards import EncodedShard, Shard
from evalkit.encoders import Advance, Encoder
from evalkit.errors import first_line
from evalkit.system.accelerators import visible_gpus
from evalkit.system.endings import at_end

THREADS_OF_A_WORKER = 8
LEAST_WORKERS = 2
GPUS = "CUDA_VISIBLE_DEVICES"
# Nothing of the program that started it is imported, be it a script without a main guard or a notebook.
PROGRAM = "import sys, json; sys.path[:] = json.loads(sys.argv[2])\n"
PROGRAM += "from evalkit.embeddings.executors.worker import work; work(int(sys.argv[1]))"


class Processes:
    """Workers are started by the first pass, and stay until ``close``."""

    def __init__(self, config: ExecutorConfig) -> None:
        self.config = config
        self.dispatch: Dispatch | None = None
        self.recipe: Recipe | None = None

    def run(self, encoder: Encoder, shards: Sequence[Shard], advance: Advance = no_advance) -> Iterator[EncodedShard]:
        recipe = Recipe.of(encoder, "processes")
        if self.dispatch is None or self.recipe != recipe:
            self.close()
            at_end(self.close)
            gpus = gpus_of(encoder)
            most = self.config.workers or len(gpus) or default_workers(recipe.threads)
            self.recipe, share = recipe, recipe.with_threads(recipe.threads // most)
            self.dispatch = Dispatch(WorkerProcesses(share, most, gpus), "processes")
        return self.dispatch.run(shards, advance)

    def close(self) -> None:
        if self.dispatch is not None:
            self.dispatch.stop()
        self.dispatch = None


def gpus_of(encoder: Encoder) -> list[str]:
    """The GPUs to share out, by their names for CUDA_VISIBLE_DEVICES; none where it uses none, or one of them."""
    device = str(getattr(encoder, "device", "cpu"))
    return visible_gpus() if device == "cuda" else []


def default_workers(threads: int) -> int:
    """One for eight threads: a single process seldom keeps more of them busy. At least two, where there are threads."""
    return min(threads, max(LEAST_WORKERS, threads // THREADS_OF_A_WORKER))


@dataclass
class Process:
    """A started process, this end of its pipe, what it may have said, and what is to be sent to it next."""

    popen: "subprocess.Popen[bytes]"
    pipe: Connection
    said: IO[bytes]
    outbox: "queue.SimpleQueue[Any]" = field(default_factory=queue.SimpleQueue)

    @property
    def why_ended(self) -> str:
        """``killed by SIGKILL``, or the last line that it said."""
        code = self.popen.wait()
        if code < 0:
            with suppress(ValueError):
                name = signal.Signals(-code).name
                return f"killed by {name}" + (", as for lack of memory" if name == "SIGKILL" else "")
        self.said.seek(0)
        lines = self.said.read().decode("utf-8", "replace").strip().split("\n")
        return lines[-1] or f"exit code {code}"


class WorkerProcesses:
    """Up to ``most`` processes; the n-th uses the n-th of ``gpus``, where there are any."""

    def __init__(self, recipe: Recipe, most: int, gpus: Sequence[str]) -> None:
        self.recipe = recipe
        self.most = most
        self.gpus = gpus
        self.running: dict[int, Process] = {}
        self.gpu_of: dict[int, str] = {}
        self.started = 0
        self.replies: queue.SimpleQueue[tuple[int, Reply]] = queue.SimpleQueue()

    def start(self) -> int:
        number = self.started
        self.started += 1
        own, other = Pipe()
        said = tempfile.TemporaryFile(prefix="evalkit-worker-")  # noqa: SIM115
        with other:
            popen = subprocess.Popen(  # noqa: S603
                [sys.executable, "-P", "-c", PROGRAM, str(other.fileno()), json.dumps(sys.path)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                env={**os.environ, **self.device(number)},
                pass_fds=[other.fileno()],
                process_group=0,  # a terminal's Ctrl-C is for the run alone
            )
        process = Process(popen, own, said)
        self.running[number] = process
        threading.Thread(target=self.talk, args=(number, process), daemon=True).start()
        process.outbox.put(self.recipe)
        return number

    def device(self, number: int) -> Mapping[str, str]:
        """The least used GPU, by the variable that hides all others."""
        if not self.gpus:
            return {}
        used = [gpu for worker, gpu in self.gpu_of.items() if worker in self.running]
        self.gpu_of[number] = min(self.gpus, key=used.count)
        return {GPUS: self.gpu_of[number]}

    def talk(self, number: int, process: Process) -> None:
        """In a thread of each: one that is stopped in the middle of a message keeps nobody else waiting."""
        try:
            process.pipe.send(process.outbox.get())
            while True:
                reply = process.pipe.recv()
                self.replies.put((number, reply))
                if (item := process.outbox.get()) is None:
                    break
                process.pipe.send(item)
        except (EOFError, OSError):
            self.replies.put((number, Ended(process.why_ended)))
        except Exception as error:  # whatever can't be written as a message, or read as one
            process.popen.kill()
            self.replies.put((number, Ended(first_line(error))))
        finally:
            self.running.pop(number, None)
            process.pipe.close()
            process.said.close()

    def give(self, worker: int, shard: Shard) -> None:
        if worker in self.running:
            self.running[worker].outbox.put(shard)

    def reply(self, timeout: float) -> tuple[int, Reply] | None:
        try:
            return self.replies.get(timeout=timeout)
        except queue.Empty:
            return None

    def stop(self) -> None:
        processes = list(self.running.values())
        for process in processes:
            process.outbox.put(None)
            process.popen.kill()
        for process in processes:
            process.popen.wait()
