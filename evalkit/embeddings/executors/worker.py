"""One worker process: reads shards from a pipe, encodes them, and ends when whoever started it is gone."""

import os
import queue
import signal
import sys
import threading
from multiprocessing.connection import Connection
from typing import Any

from evalkit.embeddings.executors.executor import encode_shard
from evalkit.embeddings.executors.recipe import Recipe, timing_beside_others
from evalkit.embeddings.executors.replies import Ready, failed
from evalkit.errors import first_line, say


def work(descriptor: int) -> None:
    """Read a Recipe and then shards from an open pipe, and answer each; never returns."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the run's, which ends its workers
    pipe = Connection(descriptor)
    try:
        recipe = pipe.recv()
    except EOFError:
        os._exit(0)
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=read, args=(pipe, inbox), daemon=True).start()
    try:
        answer_all(pipe, inbox, recipe)
    except BaseException as error:
        pipe.send(failed(error))
    finally:
        sys.stderr.flush()
        os._exit(0)


def read(pipe: Connection, inbox: "queue.SimpleQueue[Any]") -> None:
    """Put whatever comes into ``inbox``; ends the process with the pipe, also in the middle of a shard."""
    try:
        while True:
            inbox.put(pipe.recv())
    except (EOFError, OSError):
        os._exit(0)
    except Exception as error:  # whatever can't be read as a message
        say(f"evalkit: {first_line(error)}")
        sys.stderr.flush()
        os._exit(1)


def answer_all(pipe: Connection, inbox: "queue.SimpleQueue[Any]", recipe: Recipe) -> None:
    encoder = recipe.encoder()
    timing = timing_beside_others(encoder)
    pipe.send(Ready())
    while True:
        shard = inbox.get()
        try:
            reply: Any = encode_shard(encoder, shard, timing)
        except Exception as error:
            reply = failed(error)
        pipe.send(reply)
