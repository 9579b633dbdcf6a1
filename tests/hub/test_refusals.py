"""Why something can't be had from the hub: each reason in its own line, with the way out and without the token."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hub.conftest import HINT, fetched, refused
from tests.hub.stub import PAGE, StubHub

REASONS = {
    "gated": (
        {"status": 401, "headers": {"X-Error-Code": "GatedRepo"}},
        r"is gated\.\n.*Accept.*/someone/tiny.*HF_TOKEN",
    ),
    "bad token": (
        {"status": 401, "headers": {"X-Error-Message": "Invalid credentials in Authorization header"}},
        r"does not accept the token\.\n.*Renew HF_TOKEN",
    ),
    "forbidden": ({"status": 403}, r"forbids to read someone/tiny\.\n.*HF_TOKEN"),
    "busy": ({"status": 429, "headers": {"Retry-After": "4000"}}, r"too many requests from here \(429\).*wait 4000 s"),
    "failing": ({"status": 503}, r"answered 503 for someone/tiny, again and again\.\n.*Try later"),
    "a page": (PAGE, r"answered with a page, not as a model hub does\.\n.*Sign in"),
    "other JSON": ({"status": 200, "body": "[1]"}, r"does not answer as a model hub does\.\n.*HF_ENDPOINT"),
}


@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_has_its_own_line_and_way_out(tiny: Path, hub: StubHub, reason: str) -> None:
    fault, line = REASONS[reason]
    hub.faults = [{"match": "/api/", **fault}]
    message = refused()
    assert len(message.splitlines()) == 2
    assert re.search(line, message), message


def test_a_password_in_the_hubs_address_is_not_shown(tiny: Path, hub: StubHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url.replace("://", "://me:hunter2@"))
    hub.faults = [{"match": "/api/", "status": 403}]
    message = refused()
    assert f"{hub.url.replace('://', '://<removed>@')} forbids to read someone/tiny." in message
    assert "hunter2" not in message


def test_an_unknown_name_brings_the_nearest(tiny: Path, hub: StubHub) -> None:
    assert "has no model 'someone/tinny', or it is private.\n         Did you mean 'someone/tiny'?" in refused(
        name="someone/tinny"
    )


@pytest.mark.parametrize("name", ["a/b/c", "../tiny", "some one/tiny", ""])
def test_what_can_be_no_name_is_refused_without_asking(hub: StubHub, name: str) -> None:
    assert "is no name on a model hub" in refused(name=name)
    assert hub.requests == []


@pytest.mark.parametrize("revision", ["../../x", "-x", "a b"])
def test_what_can_be_no_revision_is_refused_without_asking(hub: StubHub, revision: str) -> None:
    assert "is no revision of someone/tiny" in refused(revision)
    assert hub.requests == []


@pytest.mark.parametrize("revision", ["v9", "c" * 40])
def test_an_unknown_revision_is_named(tiny: Path, revision: str) -> None:
    assert f"someone/tiny has no revision '{revision}'" in refused(revision)


def test_a_dead_hub_is_told_at_once(hub: StubHub) -> None:
    hub.die()
    message = refused()
    assert "neither in the hub's cache nor available from the hub" in message
    assert f"{hub.url} did not answer" in message
    assert HINT in message


def test_offline_without_a_cache_says_so(tiny: Path, offline: Callable[[], None]) -> None:
    offline()
    assert "the offline mode is on (HF_HUB_OFFLINE=1)" in refused()


def test_the_token_goes_to_the_hub_alone_and_into_no_line(
    tiny: Path, hub: StubHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    fetched()
    by_host = {(r["Host"].partition(":")[0], r["Authorization"]) for r in hub.requests}
    assert by_host == {("127.0.0.1", "Bearer hf_secret"), ("localhost", None)}
    hub.faults = [{"match": ".", "status": 403, "body": "hf_secret", "headers": {"X-Error-Message": "hf_secret"}}]
    assert "hf_secret" not in refused("b" * 40)
    assert "hf_secret" not in capsys.readouterr().err
