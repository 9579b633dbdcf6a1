"""The server's own words: found in bodies of any shape, without the key, in one line that can be printed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.config.trust.secrets import REMOVED
from evalkit.encoders.hosted.server_words import LONGEST, one_line, words_in

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=9), below, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"error": {"message": "no such model", "type": "x", "code": null}}', "no such model"),  # OpenAI, vLLM
        ('{"object": "error", "message": "too long", "code": 400}', "too long"),  # vLLM before
        ('{"error": "Input validation error", "error_type": "Validation"}', "Input validation error"),  # TEI
        ('{"error": true, "message": "told apart"}', "told apart"),
        ('{"detail": "Not Found"}', "Not Found"),
        ('{"detail": [{"loc": ["body", "input"], "msg": "required"}]}', "input: required"),
        ('{"detail": [{"msg": "a"}, {"msg": "b"}, {"msg": "c"}, {"msg": "d"}, {"msg": "e"}]}', "a; b; c; 2 more"),
        ('{"title": "Bad Request", "status": 400}', "Bad Request"),  # RFC 9457
        ('[{"error": {"code": 400, "message": "API key not valid"}}]', "API key not valid"),  # Google
        ('{"errors": ["one", "two"]}', "one; two"),
        ('"only words"', "only words"),
        ("  <!DOCTYPE html>\n<TITLE>502 Bad\nGateway</TITLE>", "502 Bad\nGateway"),
        ("<html><body>no title</body></html>", "an HTML page"),
        ("plain words", "plain words"),
        ('{"cut": "JSON', '{"cut": "JSON'),
        ({"message": "as a value"}, "as a value"),
        ("", ""),
        (None, ""),
    ],
)
def test_words_are_found_where_servers_put_them(body: Any, words: str) -> None:
    assert words_in(body) == words


@given(JSON, st.text(max_size=30))
def test_no_body_is_too_strange_and_every_line_is_one_that_can_be_printed(body: Any, text: str) -> None:
    for words in (words_in(body), words_in(text)):
        line = one_line(words, "key-1")
        assert line.isprintable()
        assert len(line) <= LONGEST


KEY = "sk-a+b/c=\\d"


@pytest.mark.parametrize(
    "spelled", [KEY, "sk-a%2Bb%2Fc%3D%5Cd", "sk-a+b/c=\\\\d", "sk-a+b/c\r\n=\\d", "sk-\x1ba+b/c=\\d"]
)
@pytest.mark.parametrize("before", [0, LONGEST - 5, LONGEST + 5])
def test_the_key_is_gone_however_it_is_spelled_and_wherever_the_line_is_cut(spelled: str, before: int) -> None:
    line = one_line("x" * before + spelled + " was refused", KEY)
    assert "sk-" not in line.replace(REMOVED, "")
