"""What is shown of an address: where it is, and nothing that opens it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.web.addresses import is_sent_in_clear, is_shown_whole, shown, with_addresses_shown


@pytest.mark.parametrize(
    ("address", "as_shown"),
    [
        ("https://host/v1", "https://host/v1"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1"),
        ("https://host/v1?api-version=2026-01-01", "https://host/v1?api-version=2026-01-01"),
        ("https://host/@scope/name", "https://host/@scope/name"),
        ("https://me:pw@host/v1", "https://<removed>@host/v1"),
        ("https://token@host/v1", "https://<removed>@host/v1"),
        ("https://me:p/w?x#@host:80/v1", "https://<removed>@host:80/v1"),
        ("https://host/v1?key=1&api-version=2", "https://host/v1?key=<removed>&api-version=2"),
        (
            "s3://bucket/a?X-Amz-Signature=0f&X-Amz-Date=1",
            "s3://bucket/a?X-Amz-Signature=<removed>&X-Amz-Date=<removed>",
        ),
        ("https://host?sk-1", "https://host?<removed>"),
        ("https://host/v1#token=1", "https://host/v1"),
        ("no address", "no address"),
        ("postgresql://host/db?sslmode=verify-full", "postgresql://host/db?sslmode=verify-full"),
    ],
)
def test_an_address_is_shown_without_what_may_be_a_secret(address: str, as_shown: str) -> None:
    assert shown(address) == as_shown
    assert is_shown_whole(address) == (address == as_shown)
    assert with_addresses_shown(f"from {address} to") == f"from {as_shown} to"


def test_a_proxy_is_shown_without_its_password_where_it_has_no_scheme() -> None:
    assert with_addresses_shown("no route by me:pw@proxy:3128 to it") == "no route by <removed>@proxy:3128 to it"


@pytest.mark.parametrize(
    ("address", "as_shown"),
    [
        ("host:6333", "host:6333"),
        ("me:p/w@1@host:6333", "<removed>@host:6333"),
        ("token@host:6333", "<removed>@host:6333"),
        ("host=a password=pw dbname=d", "host=a password=<removed> dbname=d"),
        (r"password = 'p w\'x' host=a", "password = <removed> host=a"),
        ("host=a sslpassword=pw", "host=a sslpassword=<removed>"),
    ],
)
def test_an_address_without_a_scheme_shows_no_password(address: str, as_shown: str) -> None:
    assert shown(address) == as_shown
    assert is_shown_whole(address) == (address == as_shown)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://host", False),
        ("http://127.0.0.2:80", False),
        ("http://[::1]", False),
        ("http://localhost", False),
        ("unix:/run/a.sock", False),
        ("http://host", True),
        ("http://10.0.0.1", True),
        ("tcp://localhost.example:1", True),
    ],
)
def test_what_leaves_the_machine_unencrypted_is_sent_in_clear(address: str, expected: bool) -> None:
    assert is_sent_in_clear(address) is expected


WORD = st.from_regex(r"[a-zA-Z0-9%._~-]{1,12}", fullmatch=True)


@given(user=WORD, password=st.from_regex(r"[a-zA-Z0-9%._~/?#@:-]{0,9}", fullmatch=True), host=WORD, query=WORD)
def test_no_password_and_no_value_is_left_whatever_they_are(user: str, password: str, host: str, query: str) -> None:
    text = with_addresses_shown(f"at https://{user}:P4{password}w@{host}.example:8080/v1?sig={query}Q9 now")
    assert f"P4{password}w" not in text
    assert f"{query}Q9" not in text
    assert text.startswith("at https://<removed>@")
    assert with_addresses_shown(text) == text
