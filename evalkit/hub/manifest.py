"""What is remembered of a commit beside its files in the hub's cache: the hub's list, and digests once computed."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FOLDER = "evalkit"


@dataclass(frozen=True)
class Digest:
    """What a file's content was when it had this size and this time of its last change."""

    size: int
    mtime_ns: int
    sha256: str
    git: str


@dataclass(frozen=True)
class Listed:
    """A file as the hub lists it: ``size`` in bytes, ``sha256`` of large files, ``git`` (a blob's id) of the others.

    Null where the hub does not say.
    """

    size: int | None
    sha256: str | None
    git: str | None

    def fits(self, found: Digest) -> bool:
        pairs = ((self.size, found.size), (self.sha256, found.sha256), (self.git, found.git))
        return all(promised in (None, value) for promised, value in pairs)


@dataclass
class Manifest:
    """``files`` by name; null where the hub was never asked. ``digests`` of those that were read."""

    files: dict[str, Listed] | None = None
    digests: dict[str, Digest] = field(default_factory=dict)

    def digest(self, folder: Path, name: str) -> Digest:
        """Of the file ``name`` in ``folder``: read only where it was not, or has changed since."""
        stat = (folder / name).stat()
        known = self.digests.get(name)
        if known and (known.size, known.mtime_ns) == (stat.st_size, stat.st_mtime_ns):
            return known
        self.digests[name] = digest_of_file(folder / name)
        return self.digests[name]

    def is_intact(self, folder: Path, name: str) -> bool:
        """Whether ``folder`` has ``name`` as the hub lists it. Without the list, whatever is there is trusted."""
        if not (folder / name).is_file():
            return False
        listed = (self.files or {}).get(name)
        return listed is None or listed.fits(self.digest(folder, name))


def digest_of_file(file: Path) -> Digest:
    """With the id that git gives such a blob (Pro Git, 10.2 Git Objects)."""
    stat = file.stat()
    sha = hashlib.sha256()
    git = hashlib.sha1(b"blob %d\0" % stat.st_size, usedforsecurity=False)
    with file.open("rb") as opened:
        while block := opened.read(1 << 20):
            sha.update(block)
            git.update(block)
    return Digest(stat.st_size, stat.st_mtime_ns, sha.hexdigest(), git.hexdigest())


def listed_files(answer: Mapping[str, Any]) -> dict[str, Listed]:
    """The list of files in what the hub tells about a commit. Raises KeyError, TypeError for something else."""
    files = {}
    for sibling in answer["siblings"]:
        lfs = sibling.get("lfs") or {}
        size = lfs.get("size", sibling.get("size"))
        files[str(sibling["rfilename"])] = Listed(size, lfs.get("sha256"), None if lfs else sibling.get("blobId"))
    return files


def read_manifest(file: Path) -> Manifest:
    """The empty one where none is readable in ``file``."""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        files = kept["files"]
        return Manifest(
            files=None if files is None else {name: Listed(**listed) for name, listed in files.items()},
            digests={name: Digest(**digest) for name, digest in kept["digests"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Manifest()


def write_manifest(file: Path, manifest: Manifest) -> None:
    """Nothing is remembered where the cache can't be written."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(asdict(manifest), indent=1), encoding="utf-8")
        unfinished.replace(file)
    except OSError:
        return
