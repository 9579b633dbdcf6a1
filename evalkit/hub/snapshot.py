"""A repository at one commit on this machine: whole, as the hub lists it, or refused by what is missing."""

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from re import compile as pattern

from filelock import FileLock

from evalkit.errors import UserError
from evalkit.hub import client
from evalkit.hub.client import HubError, api_path, ask
from evalkit.hub.download import download
from evalkit.hub.manifest import FOLDER, Listed, Manifest, listed_files, read_manifest, write_manifest
from evalkit.hub.refusals import refusal, with_hub_or
from evalkit.hub.selection import Need

COMMIT = pattern("[0-9a-f]{40}")
REVISION = pattern("[A-Za-z0-9][A-Za-z0-9._/+-]*")
MAIN = "main"


@dataclass(frozen=True)
class Snapshot:
    """``folder`` holds all needed files of ``commit``; ``digest`` (sha256) is of their names and contents."""

    name: str
    commit: str
    folder: Path
    files: Sequence[str]
    digest: str


def snapshot(name: str, revision: str | None, need: Need, hint: str, kind: str = "models") -> Snapshot:
    """The files of ``name`` that are needed, from the hub's cache, and from the hub what is not there or damaged.

    Raises UserError, with ``hint`` as the way around the hub, where some can't be had. A commit that was checked
    before is not asked for again.
    """
    repo = repo_folder(name, kind)
    commit = commit_of(name, revision, hint, kind)
    folder = repo / "snapshots" / commit
    remembered = repo / FOLDER / f"{commit}.json"
    manifest = read_manifest(remembered)
    try:
        if manifest.files is None:
            _, manifest.files = resolved(name, commit, kind)
            write_manifest(remembered, manifest)
        wanted = need.select(name, safe_names(manifest.files))
    except HubError as error:
        if not error.hides_the_hub or not folder.is_dir():
            raise refusal(kind, name, revision, error, hint) from None
        wanted = unlisted(name, need, folder, error, hint)
    known = dict(manifest.digests)
    if missing := damaged(folder, wanted, manifest):
        fetch(repo, commit, missing, manifest, name, kind, hint)
    digest = digest_of(folder, wanted, manifest)
    if manifest.digests != known:
        write_manifest(remembered, manifest)
    return Snapshot(name, commit, folder, tuple(wanted), digest)


def commit_of(name: str, revision: str | None, hint: str, kind: str = "models") -> str:
    """The commit (40 hex digits) that ``revision`` of ``name`` stands for today; null is the branch main.

    Out of the hub's reach it is the commit that the hub's cache has for it. Raises UserError where neither tells.
    """
    if revision and COMMIT.fullmatch(revision):
        return revision
    if revision and (".." in revision or not REVISION.fullmatch(revision)):
        raise UserError(f"{revision!a} is no revision of {name}.", "It is a branch, a tag or a commit.")
    repo = repo_folder(name, kind)
    ref = repo / "refs" / (revision or MAIN)
    try:
        commit, files = resolved(name, revision or MAIN, kind)
    except HubError as error:
        if error.hides_the_hub and ref.is_file():
            return ref.read_text(encoding="utf-8").strip()
        raise refusal(kind, name, revision or MAIN, error, hint) from None
    remembered = repo / FOLDER / f"{commit}.json"
    manifest = read_manifest(remembered)
    if manifest.files is None:
        write_manifest(remembered, Manifest(files, manifest.digests))
    with suppress(OSError):  # a cache that can't be written
        ref.parent.mkdir(parents=True, exist_ok=True)
        ref.write_text(commit, encoding="utf-8")
    return commit


def repo_folder(name: str, kind: str) -> Path:
    """Where huggingface_hub keeps ``name``. Raises UserError for what can't be a name there."""
    from huggingface_hub import constants

    parts = name.split("/")
    if len(parts) > 2 or not all(part.replace("-", "").replace("_", "").replace(".", "").isalnum() for part in parts):
        raise UserError(f"{name!a} is no name on a model hub.", "It is <owner>/<model>; a folder goes to path=.")
    return Path(constants.HF_HUB_CACHE).expanduser() / "--".join([kind, *parts])


def resolved(name: str, revision: str, kind: str) -> tuple[str, dict[str, Listed]]:
    """The commit and the list of files of ``revision``, in one request."""
    answer = ask(api_path(kind, name, "revision", revision) + "?blobs=true")
    try:
        commit, files = str(answer["sha"]), listed_files(answer)
    except (KeyError, TypeError, AttributeError):
        raise HubError(f"{client.address()} does not answer as a model hub does", 200) from None
    if not COMMIT.fullmatch(commit):
        raise HubError(f"{client.address()} does not answer as a model hub does", 200)
    return commit, files


def safe_names(files: Iterable[str]) -> list[str]:
    """Names that stay within a folder: a list of files comes from another machine."""
    return [name for name in files if not {"..", "/"} & set(PurePosixPath(name).parts) and "\\" not in name]


def fetch(repo: Path, commit: str, missing: Sequence[str], manifest: Manifest, name: str, kind: str, hint: str) -> None:
    """Download the ``missing`` files of ``commit``, unless another process does meanwhile. Raises UserError."""
    folder = repo / "snapshots" / commit
    try:
        (repo / FOLDER).mkdir(parents=True, exist_ok=True)
        with FileLock(repo / FOLDER / f"{commit}.lock"):
            files = {file: (manifest.files or {})[file] for file in damaged(folder, missing, manifest)}
            path = f"/{'' if kind == 'models' else 'datasets/'}{name}"
            download(repo, path, f"{name}@{commit[:7]}", commit, files, manifest)
    except HubError as error:
        raise incomplete(name, commit, damaged(folder, missing, manifest), kind, error, hint) from None


def damaged(folder: Path, wanted: Sequence[str], manifest: Manifest) -> list[str]:
    """Which of the ``wanted`` files are not in ``folder`` as the hub has them."""
    return [name for name in wanted if not manifest.is_intact(folder, name)]


def incomplete(name: str, commit: str, missing: Sequence[str], kind: str, error: HubError, hint: str) -> UserError:
    """A listed commit whose ``missing`` files the hub would not give."""
    if not error.is_unreachable:
        return refusal(kind, name, commit, error, hint)
    shown = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
    return UserError(
        f"{name}@{commit[:7]} is not whole in the hub's cache, and {error.reason}. Missing or damaged: {shown}.",
        with_hub_or(hint),
    )


def unlisted(name: str, need: Need, folder: Path, error: HubError, hint: str) -> Sequence[str]:
    """The needed files in a ``folder`` of the cache that others filled, out of the hub's reach.

    Raises UserError where one is missing, or where it can't be told from the cache that the hub has no such file.
    """
    known_absent = folder.parents[1] / ".no_exist" / folder.name
    try:
        missing = need.missing(folder, lambda file: (known_absent / file).is_file())
    except (ValueError, KeyError, TypeError, AttributeError):
        missing = ["a readable modules.json"]
    if missing:
        raise UserError(
            f"{name} in the hub's cache was left by another program, without {missing[0]}: whether the hub has that "
            f"file can't be told, as {error.reason}.",
            with_hub_or(hint),
        )
    names = [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()]
    return need.select(name, names)


def digest_of(folder: Path, names: Sequence[str], manifest: Manifest) -> str:
    lines = [f"{name}\0{manifest.digest(folder, name).sha256}\n" for name in sorted(names)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
