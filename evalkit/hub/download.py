"""Files of one commit into the hub's cache, laid out as huggingface_hub does it; a broken download goes on later.

A file lies in ``blobs/`` under its digest, and ``snapshots/<commit>/<name>`` links to it. What arrived of it so far is
``blobs/<digest>.evalkit-part``.
"""

import os
import shutil
import time
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

from evalkit.hub import client
from evalkit.hub.client import HubError, patiently, response_to
from evalkit.hub.manifest import Digest, Listed, Manifest, digest_of_file
from evalkit.hub.progress import Advance, shown_download


def download(repo: Path, path: str, what: str, commit: str, files: Mapping[str, Listed], manifest: Manifest) -> None:
    """Fetch ``files`` of ``commit`` into the cache folder ``repo``, and note their digests in ``manifest``.

    ``path`` is the repository's on the hub, ``what`` how progress calls it. Raises HubError.
    """
    (repo / "blobs").mkdir(parents=True, exist_ok=True)
    total = sum(listed.size or 0 for listed in files.values())
    have = sum(bytes_of(part_of(repo, commit, name, listed)) for name, listed in files.items())
    with shown_download(f"{what}, {len(files)} file{'s' if len(files) > 1 else ''}", total, have) as advance:
        for name, listed in files.items():
            part = part_of(repo, commit, name, listed)
            url = f"{path}/resolve/{commit}/{quote(name)}"
            patiently(lambda url=url, part=part, listed=listed: fetch(url, part, listed, advance))  # type: ignore[misc]
            manifest.digests[name] = keep(repo, commit, name, part, listed)


def part_of(repo: Path, commit: str, name: str, listed: Listed) -> Path:
    digest = listed.sha256 or listed.git or f"{commit}-{quote(name, safe='')}"
    return repo / "blobs" / f"{digest}.evalkit-part"


def bytes_of(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


def fetch(url: str, part: Path, listed: Listed, advance: Advance) -> None:
    """The rest of a file behind what ``part`` has of it. A broken line is tried again while it brings more."""
    failures = 0
    if listed.size is not None and bytes_of(part) > listed.size:
        part.unlink()
    while True:
        before = bytes_of(part)
        if before and before == listed.size:
            return
        try:
            append(url, part, before, listed, advance)
            return
        except HubError as error:
            if error.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and before:
                part.unlink()
                continue
            if not error.is_unreachable or client.is_offline():
                raise
            failures = 1 if bytes_of(part) > before else failures + 1
            if failures == client.ATTEMPTS or not bytes_of(part):
                raise
            time.sleep(client.FIRST_WAIT_S)


def append(url: str, part: Path, before: int, listed: Listed, advance: Advance) -> None:
    """What is sent from byte ``before`` on. Raises HubError where the file grows longer than it is ``listed``."""
    with response_to(url, {"Range": f"bytes={before}-"} if before else {}) as response:
        goes_on = response.status_code == HTTPStatus.PARTIAL_CONTENT
        if before and not goes_on:
            advance(-before)
        with part.open("ab" if goes_on else "wb") as opened:
            for block in response.iter_bytes():  # as they arrive, so that none is lost with the line
                opened.write(block)
                advance(len(block))
                if listed.size is not None and opened.tell() > listed.size:
                    raise HubError(f"{client.address()} sends more of a file than it lists", response.status_code)


def keep(repo: Path, commit: str, name: str, part: Path, listed: Listed) -> Digest:
    """Check ``part`` against what is ``listed`` and link it into the snapshot. Raises HubError where it differs."""
    digest = digest_of_file(part)
    if not listed.fits(digest):
        part.unlink()
        raise HubError(f"{name} arrived damaged ({digest.size} bytes)")
    blob = part.with_suffix("")
    part.replace(blob)
    place = repo / "snapshots" / commit / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    try:
        place.symlink_to(os.path.relpath(blob, place.parent))
    except OSError:  # a file system, or a Windows account, without links
        shutil.move(blob, place)
    return digest
