"""Names that secrets have, fields that are kept, and a key that no spelling carries past its removal."""

from dataclasses import asdict, fields, is_dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.config import MODEL_KINDS, RunConfig
from evalkit.config.compose import compose
from evalkit.config.trust.secrets import KEPT_FIELDS, kept_fields, sounds_secret, without
from evalkit.encoders import load_encoder
from evalkit.results.secrets import command_without_secrets, without_secrets
from evalkit.web.addresses import REMOVED

KEY = "sk-proj-Zq81mNb7Xw2kLp94"


@pytest.mark.parametrize(
    "name",
    "api_key apikey apiKey X-Api-Key x-goog-api-key Ocp-Apim-Subscription-Key Authorization auth sas sig pat session "
    "X-Amz-Signature session_id Cookie token accessToken hf_token password PGPASSWORD pwd passphrase client_secret jwt "
    "bearer OPENAI_API_KEY key".split(),
)
def test_names_of_secrets_sound_so(name: str) -> None:
    assert sounds_secret(name)


@pytest.mark.parametrize(
    "name", ["tokenizer", "max_tokens", "token_budget", "author", "signal", "patience", *sorted(KEPT_FIELDS)]
)
def test_other_names_do_not(name: str) -> None:
    assert not sounds_secret(name)


def names(schema: Any) -> set[str]:
    below = [field.default_factory for field in fields(schema) if is_dataclass(field.default_factory)]
    return {field.name for field in fields(schema)}.union(*map(names, below))


def test_no_setting_of_evalkit_sounds_secret() -> None:
    settings = names(RunConfig).union(*(names(kind.schema) for kind in MODEL_KINDS.values()))
    assert "key_variable" in settings
    assert not [name for name in settings if sounds_secret(name)]


def test_fields_are_kept_by_their_name_and_others_as_what_tells_them_apart() -> None:
    given = {"task": "x", "options": {"num_ctx": 8, "route": "a"}, "tenant": "ours", "prompt_name": KEY, "none": None}
    kept = kept_fields(given)
    assert (kept["task"], kept["options"]["num_ctx"], kept["none"]) == ("x", 8, None)
    assert kept["tenant"].startswith("sha256:")
    assert kept["prompt_name"].startswith("sha256:")
    assert kept == kept_fields(given)
    assert kept["tenant"] != kept_fields({**given, "tenant": "theirs"})["tenant"]
    assert "ours" not in str(kept)


@given(st.text(max_size=40), st.integers(0, len(KEY) - 8), st.integers(8, len(KEY)), st.text(max_size=40))
def test_no_part_of_a_key_is_left_wherever_it_was_cut(before: str, start: int, size: int, behind: str) -> None:
    text = without(KEY, f"{before}{KEY[start : start + size]}{behind}")
    assert not any(KEY[i : i + 8].lower() in text.lower() for i in range(len(KEY) - 7))


@given(st.text(alphabet=st.characters(exclude_characters=KEY + KEY.upper() + KEY.lower()), max_size=80))
def test_text_without_a_key_stays_as_it_is(text: str) -> None:
    assert without(KEY, text) == text


@pytest.mark.parametrize(
    "text",
    ["cut at 200... or later", "see https://host/a/b-c_d?e=f", "Server disconnected", "xxxxxxxxxx", "----", "0f" * 40],
)
def test_words_of_servers_stay_as_they_are(text: str) -> None:
    assert without(KEY, text) == text


@pytest.mark.parametrize("shown", ["sk-p…Lp94", "sk-pr...Lp94", "key=sk-******94", "sk-proxxxxxxxxxx94"])
def test_a_masked_key_is_removed_with_its_ends(shown: str) -> None:
    text = without(KEY, f"Incorrect key {shown} given")
    assert REMOVED in text
    assert "sk-" not in text
    assert "94" not in text


def test_a_bare_config_is_what_it_was() -> None:
    config = asdict(compose("run", []))
    assert without_secrets(config) == config


FREE = "model.api.extra={query:{tenant:Zq81mNb7,input_type:query},document:{tenant:Zq81mNb7}}"
SERVED = ["model=openai_compatible", "model.url=http://127.0.0.1:9/v1", "model.name=m", "model.native_dims=8"]


def test_fields_of_ones_own_are_in_no_result_and_in_no_key_of_the_store() -> None:
    config, other = (compose("run", [*SERVED, words]) for words in (FREE, FREE.replace("N", "M")))
    written = without_secrets(asdict(config))
    assert written["model"]["api"]["extra"]["query"]["input_type"] == "query"
    assert written != without_secrets(asdict(other))
    encoder, other_encoder = (load_encoder(each.model, each.runtime) for each in (config, other))
    identity = encoder.identity("query")
    assert identity["extra"]["input_type"] == "query"
    assert identity["extra"] != other_encoder.identity("query")["extra"]
    assert "Zq81mNb7" not in f"{written} {identity} {command_without_secrets([FREE])}"
    assert command_without_secrets([each := FREE.replace("tenant", "task")]) == [each]


def test_addresses_in_any_setting_are_kept_without_what_opens_them() -> None:
    address = "s3://me:Zq81mNb7@bucket/a?X-Amz-Signature=Zq81mNb7"
    config = compose("run", ["corpus=beir", f"corpus.beir.path='{address}'"])
    written = f"{without_secrets(asdict(config))} {command_without_secrets([f'corpus.beir.path={address}'])}"
    assert "Zq81mNb7" not in written
    assert "s3://<removed>@bucket/a?X-Amz-Signature=<removed>" in written
