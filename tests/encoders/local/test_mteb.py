"""Models of mteb's registry: names, widths and prompts are mteb's, and nobody's code runs unasked."""

from pathlib import Path

import numpy as np
import pytest

from evalkit.__main__ import main
from evalkit.config.compose import compose
from evalkit.encoders import load_encoder
from evalkit.errors import UserError
from evalkit.results.reader import read_run, stored_runs

pytest.importorskip("mteb")
RANDOM = "mteb/baseline-random-encoder"


def test_the_registrys_random_encoder_runs_as_mteb_runs_it(colours: Path, tmp_path: Path) -> None:
    import mteb
    from datasets import Dataset
    from torch.utils.data import DataLoader

    config = compose("run", ["model=mteb", f"model.name={RANDOM}"])
    encoder = load_encoder(config.model, config.runtime)
    found = encoder.encode(["a", "b", "a"], "query")
    batches = DataLoader(Dataset.from_dict({"text": ["a", "b", "a"]}), batch_size=3)
    task = mteb.get_task("SciFact").metadata
    direct = mteb.get_model(RANDOM).encode(batches, task_metadata=task, hf_split="test", hf_subset="default")
    np.testing.assert_allclose(found.vectors, np.asarray(direct), rtol=1e-6)
    assert found.tokens is None
    assert encoder.dims == found.vectors.shape[1]


def test_a_run_of_a_model_that_counts_no_tokens(colours: Path, tmp_path: Path) -> None:
    places = [f"corpus.beir.path={colours}", f"results_dir={tmp_path / 'r'}", f"store.path={tmp_path / 's'}"]
    run = ["model=mteb", f"model.name={RANDOM}", "corpus=beir", *places, "top_k=10", "measures=[nDCG@10]"]
    assert main([*run, "runtime.latency_calls=3", "at_workload_seconds=0"]) == 0
    (point,) = read_run(stored_runs(tmp_path / "r")[0]).about["points"]
    assert point["documents_per_second"] > 0
    assert point["tokens_per_second"] is None
    assert "how many tokens" in point["unmeasured"]["tokens_per_second"]
    assert point["revision"]
    about = read_run(stored_runs(tmp_path / "r")[0]).about
    for side in about["embeddings"]:
        assert side["truncated_texts"] is None
        assert "nobody says which texts were cut" in side["unmeasured"]["truncated_texts"]
    assert not [f for f in about["corpora"][0]["lint"] if f["check"] == "truncated_documents"]


def test_a_prompt_of_the_config_reaches_the_model() -> None:
    settings = ["model=mteb", f"model.name={RANDOM}"]
    plain, prompted = (compose("run", [*settings, *more]) for more in ([], ["model.prompts.query='x '"]))
    a = load_encoder(prompted.model, prompted.runtime).encode(["y"], "query").vectors
    b = load_encoder(plain.model, plain.runtime).encode(["x y"], "query").vectors
    np.testing.assert_allclose(a, b)


def test_an_unknown_name_gets_the_nearest() -> None:
    config = compose("run", ["model=mteb", "model.name=mteb/baseline-random-encodr"])
    with pytest.raises(UserError, match="Did you mean 'mteb/baseline-random-encoder'"):
        load_encoder(config.model, config.runtime)


def test_a_width_that_the_registry_contradicts_is_refused() -> None:
    config = compose(
        "run", ["model=mteb", "model.name='sentence-transformers/all-MiniLM-L6-v2'", "model.native_dims=32"]
    )
    with pytest.raises(UserError, match=r"gives 384 dimensions, model\.native_dims says 32"):
        load_encoder(config.model, config.runtime)


def test_a_model_that_ships_code_is_refused_until_it_is_allowed() -> None:
    import mteb

    ships = next(m.name for m in mteb.get_model_metas() if m.loader_kwargs.get("trust_remote_code"))
    config = compose("run", ["model=mteb", f"model.name='{ships}'"])
    with pytest.raises(UserError, match="trust_remote_code=true"):
        load_encoder(config.model, config.runtime)


@pytest.fixture
def wrapped(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A name of the registry under which mteb gives the tiny model, with a prompt of its own for queries."""
    import mteb
    from mteb.models.sentence_transformer_wrapper import SentenceTransformerEncoderWrapper
    from sentence_transformers import SentenceTransformer

    def get_model(name: str, **options: object) -> SentenceTransformerEncoderWrapper:
        model = SentenceTransformer(str(tiny_model), device="cpu")
        return SentenceTransformerEncoderWrapper(model, model_prompts={"query": "red green blue "})

    name = "sentence-transformers/all-MiniLM-L6-v2"
    of_tiny = mteb.get_model_meta(name).model_copy(update={"embed_dim": 32, "loader": None})
    monkeypatch.setattr(mteb, "get_model", get_model)
    monkeypatch.setattr(mteb, "get_model_meta", lambda name, revision: of_tiny)
    return name


def test_max_length_is_applied_and_cut_texts_are_counted_with_mtebs_prompts(wrapped: str, tiny_model: Path) -> None:
    """Beside it: the same model by sentence-transformers, with mteb's prompt as its own."""
    texts = ["red", "red green blue " * 2, "red green blue red", "blue " * 12]
    ours = ["model=mteb", f"model.name='{wrapped}'", "model.native_dims=32", "model.max_length=8"]
    local = ["model=local", f"model.path={tiny_model}", "model.max_length=8", "model.prompts.query='red green blue '"]
    for side in ("query", "document"):
        by_mteb, direct = (load_encoder((c := compose("run", s)).model, c.runtime) for s in (ours, local))
        found, expected = by_mteb.encode(texts, side), direct.encode(texts, side)
        assert by_mteb.max_length == by_mteb.inner.max_seq_length == 8
        np.testing.assert_allclose(found.vectors, expected.vectors, atol=1e-5)
        assert found.truncated.tolist() == expected.truncated.tolist()
        assert found.tokens.tolist() == expected.tokens.tolist()
        assert 0 < found.truncated.sum() < len(texts)


def test_a_length_that_can_not_be_applied_is_refused() -> None:
    config = compose("run", ["model=mteb", f"model.name={RANDOM}", "model.max_length=8"])
    with pytest.raises(UserError, match="length can't be set"):
        load_encoder(config.model, config.runtime).encode(["a"], "query")
