"""Why a model or data set can't be had, each reason in one line with the way out."""

from collections.abc import Sequence
from difflib import get_close_matches
from http import HTTPStatus
from urllib.parse import quote

from evalkit.errors import UserError
from evalkit.hub.client import HubError, address, api_path, ask

WORDS = {"models": "model", "datasets": "data set"}
HOW_TO_READ = "set HF_TOKEN to a token that may read it"


def refusal(kind: str, name: str, revision: str | None, error: HubError, hint: str) -> UserError:
    """The one line for ``error``, met when ``revision`` of ``name`` was asked for; ``hint`` is the way around the hub.

    ``kind`` is models or datasets.
    """
    what = WORDS[kind]
    page = f"{address()}/{'' if kind == 'models' else 'datasets/'}{name}"
    if error.code == "GatedRepo":
        return UserError(f"{name} is gated.", f"Accept its terms at {page} and {HOW_TO_READ}. {hint}")
    if error.code == "RevisionNotFound":
        return UserError(f"{name} has no revision '{revision}' on {address()}.", f"Its commits: {page}/commits/main")
    if error.code == "EntryNotFound":
        return UserError(f"{address()} lists a file of {name} that it does not have.", f"Try later. {hint}")
    if error.status == HTTPStatus.UNAUTHORIZED and "credentials" in error.message.lower():
        return UserError(f"{address()} does not accept the token.", "Renew HF_TOKEN, or unset it for public models.")
    if error.code == "RepoNotFound" or error.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND):
        return UserError(
            f"{address()} has no {what} '{name}', or it is private.",
            f"{nearest(kind, name)}If it is private, {HOW_TO_READ}. {hint}",
        )
    if error.status == HTTPStatus.FORBIDDEN:
        return UserError(f"{address()} forbids to read {name}.", f"Visit {page}, and {HOW_TO_READ}. {hint}")
    if error.status == HTTPStatus.TOO_MANY_REQUESTS:
        wait = "" if error.wait_s is None else f" It asks to wait {error.wait_s:.0f} s."
        return UserError(f"{address()} gets too many requests from here (429).{wait}", f"Try later. {hint}")
    if error.status is not None and error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return UserError(f"{error.reason} for {name}, again and again.", f"Try later. {hint}")
    if error.status is not None and error.status < HTTPStatus.BAD_REQUEST:
        return UserError(f"{error.reason}.", f"Sign in to the network, or mend HF_ENDPOINT. {hint}")
    problem = f"{name} is neither in the hub's cache nor available from the hub: {error.reason}."
    return UserError(problem, with_hub_or(hint))


def with_hub_or(hint: str) -> str:
    """The way out where the hub is out of reach: to run once where it is not, or ``hint``, the way around it."""
    return f"Run once with the hub in reach. {hint}"


def nearest(kind: str, name: str) -> str:
    """The hub's name that is most like ``name``, as a question; empty where none is, or the hub has no list."""
    owner, _, own = name.rpartition("/")
    known: list[str] = []
    for query in (f"author={quote(owner)}", f"search={quote(own)}"):
        try:
            answer = ask(f"{api_path(kind, '').rstrip('/')}?{query}&limit=200")
        except HubError:
            continue
        known += names_in(answer)
    near = get_close_matches(name, known, n=1, cutoff=0.6)
    return f"Did you mean '{near[0]}'? " if near else ""


def names_in(answer: object) -> Sequence[str]:
    rows = answer if isinstance(answer, list) else []
    names = [row.get("id") for row in rows if isinstance(row, dict)]
    return [name for name in names if isinstance(name, str) and name.isprintable()]
