"""Milvus Lite in this process: a database in a folder, served on a port of this machine, and what its files show."""

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.errors import UserError, first_line, printable
from evalkit.search.engines.database import private_folder

LOGGERS = ("pymilvus", "milvus_lite")
ENDING = ".db"
NO_DOTENV = "PYTHON_DOTENV_DISABLED"


@dataclass(frozen=True)
class Lite:
    """``address`` is where it listens; ``database`` is Milvus Lite's own object, whose files are in ``folder``."""

    address: str
    folder: Path
    database: Any

    def finish(self, collection: str) -> None:
        """Wait for what it still does in the background: merging segments, and building their indexes."""
        self.database.get_collection(collection)._wait_for_bg()

    def files(self, collection: str) -> "Files":
        return Files(self.folder / "collections" / collection)


@dataclass(frozen=True)
class Files:
    """What Milvus Lite keeps of a collection in ``folder``: a Parquet file of a segment, and its index beside it."""

    folder: Path

    def segments(self) -> list[Path]:
        """Those that count: an older one may be removed later."""
        manifest = json.loads((self.folder / "manifest.json").read_text(encoding="utf-8"))
        return [
            self.folder / "partitions" / name / file
            for name, partition in manifest["partitions"].items()
            for file in partition["data_files"]
        ]

    def indexes(self, index_type: str) -> list[Path]:
        """One of each segment, if it was built as ``index_type``."""
        return [
            index
            for segment in self.segments()
            for index in (segment.parent.parent / "indexes").glob(f"{segment.stem}.*.{index_type.lower()}.idx")
        ]


def size(files: list[Path]) -> int:
    return sum(file.stat().st_size for file in files)


@contextmanager
def private_lite() -> Iterator[Lite]:
    """A database of its own, removed at the end."""
    with private_folder("milvus") as folder, opened_lite(folder / f"private{ENDING}") as lite:
        yield lite


@contextmanager
def opened_lite(folder: Path) -> Iterator[Lite]:
    """The database in ``folder``, which one process at a time can open. Raises UserError where it can't."""
    from milvus_lite.adapter.grpc.server import start_server_in_thread
    from milvus_lite.exceptions import DataDirLockedError

    try:
        server, database, port = start_server_in_thread(str(folder))
    except DataDirLockedError:
        raise UserError(f"{printable(str(folder))} is in use by another Milvus Lite.", "Close it there.") from None
    except Exception as error:
        problem = f"Milvus Lite can't open {printable(str(folder))}: {printable(first_line(error))}."
        raise UserError(problem, "Name a folder that Milvus Lite 3 made.") from None
    try:
        yield Lite(f"http://127.0.0.1:{port}", folder, database)
    finally:
        with suppress(Exception):
            server.stop(grace=0).wait()
        with suppress(Exception):
            database.close()


@contextmanager
def imported() -> Iterator[None]:
    """pymilvus, which reads no .env file here, and keeps to itself what fails: it would print tracebacks."""
    before = os.environ.get(NO_DOTENV)
    os.environ[NO_DOTENV] = "1"
    try:
        import pymilvus  # noqa: F401
    finally:
        if before is None:
            del os.environ[NO_DOTENV]
        else:
            os.environ[NO_DOTENV] = before
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
