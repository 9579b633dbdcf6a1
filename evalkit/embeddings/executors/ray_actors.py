"""Actors of Ray: each builds the encoder from plain config and is given shards by the run, one at a time.

No Ray Data: its read tasks and a pool of actors wait for each other's CPUs. An actor asks for half of its share of CPUs
only, so that nothing waits for what others of the cluster hold.
"""

import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from evalkit.config import ExecutorConfig
from evalkit.embeddings.executors.dispatch import Dispatch
from evalkit.embeddings.executors.executor import encode_shard, no_advance
from evalkit.embeddings.executors.processes import default_workers, gpus_of
from evalkit.embeddings.executors.recipe import Recipe, timing_beside_others
from evalkit.embeddings.executors.replies import Ended, Ready, Reply, failed
from evalkit.embeddings.shards import EncodedShard, Shard
from evalkit.encoders import Advance, Encoder
from evalkit.errors import UserError, first_line
from evalkit.system.endings import at_end

ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
OF_OWN_CLUSTER = {"RAY_AUTH_MODE": "disabled"}  # else a token is written into the home folder
OWN_ADDRESS = "127.0.0.1"  # nobody else's machine can reach a cluster made for the run
OBJECT_STORE_BYTES = 200 * 2**20
SHARE_ASKED = 0.5  # of the CPUs that an actor computes on


class RayActors:
    """A cluster and its actors, from the first pass until ``close``."""

    def __init__(self, config: ExecutorConfig) -> None:
        self.config = config
        self.cluster: Cluster | None = None
        self.dispatch: Dispatch | None = None
        self.recipe: Recipe | None = None

    def run(self, encoder: Encoder, shards: Sequence[Shard], advance: Advance = no_advance) -> Iterator[EncodedShard]:
        recipe = Recipe.of(encoder, "ray")
        if self.dispatch is None or self.recipe != recipe:
            if self.dispatch is not None:
                self.dispatch.stop()
            if self.cluster is None:
                at_end(self.close)
                self.cluster = Cluster(self.config.address, recipe.threads)
            most, threads, gpus = self.cluster.shares(recipe, self.config.workers, bool(gpus_of(encoder)))
            self.recipe = recipe
            self.dispatch = Dispatch(Actors(recipe.with_threads(threads), most, threads, gpus), "ray")
        return self.dispatch.run(shards, advance)

    def close(self) -> None:
        if self.dispatch is not None:
            self.dispatch.stop()
        if self.cluster is not None:
            self.cluster.close()
        self.dispatch = self.cluster = None


class Cluster:
    """The cluster at ``address``; null makes one of this machine with ``threads`` CPUs, which ends with the run.

    Where the program has connected to one already, it is that one, and stays. Raises UserError where there is none.
    """

    def __init__(self, address: str | None, threads: int) -> None:
        import ray

        self.is_own = address is None and not ray.is_initialized()
        self.is_connected = not ray.is_initialized()
        self.folder: str | None = None
        self.variables: dict[str, str | None] = {}  # of the environment, as they were
        if not self.is_connected:
            return
        variables = {**ENVIRONMENT, **(OF_OWN_CLUSTER if self.is_own else {})}
        self.variables = {name: os.environ.get(name) for name in variables}
        os.environ.update(variables)
        options: dict[str, Any] = {"address": address}
        if self.is_own:
            short = "/tmp" if os.path.isdir("/tmp") else None  # noqa: S108, PTH112  (names of sockets are short)
            self.folder = tempfile.mkdtemp(prefix="evalkit-ray-", dir=short)
            options = {"address": "local", "num_cpus": threads, "object_store_memory": OBJECT_STORE_BYTES}
            options |= {"include_dashboard": False, "_temp_dir": self.folder, "_node_ip_address": OWN_ADDRESS}
        try:
            with signals_as_they_were():
                ray.init(**options, log_to_driver=False, configure_logging=False)
        except Exception as error:
            self.close()
            where = "on this machine" if self.is_own else f"at executor.address={address}"
            raise UserError(
                f"Ray can't be started {where}: {first_line(error)}"
                if self.is_own
                else f"there is no Ray {where}: {first_line(error)}",
                "Try executor=processes." if self.is_own else "Give the address of a running cluster, or none.",
            ) from None

    def shares(self, recipe: Recipe, workers: int | None, uses_gpus: bool) -> tuple[int, int, bool]:
        """How many workers, how many threads each, and whether each has a GPU."""
        import ray

        gpus = int(ray.cluster_resources().get("GPU", 0))
        if self.is_own:
            most = workers or (gpus if uses_gpus else 0) or default_workers(recipe.threads)
            return most, max(1, recipe.threads // most), uses_gpus and gpus >= most
        if gpus and recipe.runtime.device in ("auto", "cuda"):
            return workers or gpus, recipe.threads, gpus >= (workers or gpus)
        cpus = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
        threads = recipe.runtime.threads or max(1, min((count for count in cpus if count), default=1))
        return workers or max(1, sum(count // threads for count in cpus)), threads, False

    def close(self) -> None:
        import ray

        if self.is_connected:
            with signals_as_they_were():
                ray.shutdown()
        for name, value in self.variables.items():
            os.environ.pop(name, None)
            os.environ.update({} if value is None else {name: value})
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def signals_as_they_were() -> Iterator[None]:
    """Ray takes SIGTERM for itself; a run keeps what it has finished when it is sent one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


class Actor:
    """What runs in a process of Ray's."""

    def load(self, recipe: Recipe) -> Reply:
        try:
            self.encoder = recipe.encoder()
            self.timing = timing_beside_others(self.encoder)
        except Exception as error:
            return failed(error)
        return Ready()

    def encode(self, shard: Shard) -> Reply:
        try:
            return encode_shard(self.encoder, shard, self.timing)
        except Exception as error:
            return failed(error)


class Actors:
    """Up to ``most`` actors, each on ``threads`` CPUs, and on a GPU of its own where there are ``gpus``."""

    def __init__(self, recipe: Recipe, most: int, threads: int, gpus: bool) -> None:
        import ray

        self.most = most
        self.made = ray.remote(Actor)
        asked: dict[str, Any] = {"num_cpus": SHARE_ASKED * threads, "scheduling_strategy": "SPREAD"}
        self.options = {**asked, "num_gpus": 1 if gpus else 0, "max_restarts": 0, "max_task_retries": 0}
        self.recipe = ray.put(recipe)
        self.actors: dict[int, Any] = {}
        self.waiting: dict[Any, int] = {}  # reference → worker
        self.started = 0

    def start(self) -> int:
        number = self.started
        self.started += 1
        self.actors[number] = self.made.options(**self.options).remote()
        self.waiting[self.actors[number].load.remote(self.recipe)] = number
        return number

    def give(self, worker: int, shard: Shard) -> None:
        self.waiting[self.actors[worker].encode.remote(shard)] = worker

    def reply(self, timeout: float) -> tuple[int, Reply] | None:
        import ray

        done, _ = ray.wait(list(self.waiting), timeout=timeout)
        if not done:
            return None
        worker = self.waiting.pop(done[0])
        try:
            reply: Reply = ray.get(done[0])
        except ray.exceptions.RayError as error:
            self.end(worker)
            return worker, Ended(why(error))
        return worker, reply

    def end(self, worker: int) -> None:
        import ray

        with suppress(Exception):
            ray.kill(self.actors[worker])
        self.actors.pop(worker, None)

    def stop(self) -> None:
        for worker in list(self.actors):
            self.end(worker)
        self.waiting.clear()


def why(error: Exception) -> str:
    """What Ray says of an actor that is no more, in a few words."""
    lines = [line.strip() for line in str(error).split("\n")]
    told = [line for line in lines if "exit" in line.lower() or "memory" in line.lower() or "node" in line.lower()]
    return (told or [first_line(error)])[-1][:200].rstrip(".")
