"""Static models are means of token vectors, recomputed here from the tables themselves."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from evalkit.__main__ import main
from evalkit.config.compose import compose
from evalkit.encoders import load_encoder
from evalkit.errors import UserError
from evalkit.results.reader import read_run, stored_runs
from tests.conftest import ROOT

TEXTS = ["red green", "blue", "tree river stone cloud", "ünknown"]


@pytest.fixture
def model2vec_folder(tmp_path: Path) -> Path:
    """A saved Model2Vec model of six words and four dimensions."""
    model2vec = pytest.importorskip("model2vec")
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    words = ["[UNK]", "red", "green", "blue", "tree", "river"]
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))  # noqa: S106
    tokenizer.pre_tokenizer = Whitespace()
    table = np.random.default_rng(0).normal(size=(len(words), 4)).astype(np.float32)
    model2vec.StaticModel(table, tokenizer).save_pretrained(str(tmp_path / "static"))
    np.save(tmp_path / "table.npy", table)
    return tmp_path / "static"


def test_model2vec_is_the_mean_of_known_tokens(model2vec_folder: Path) -> None:
    config = compose("run", ["model=potion-base", f"model.path={model2vec_folder}", "model.native_dims=4"])
    encoder = load_encoder(config.model, config.runtime)
    found = encoder.encode(["red green", "blue", "tree red"], "document")
    table = np.load(model2vec_folder.parent / "table.npy")
    expected = [table[[1, 2]].mean(axis=0), table[3], table[[4, 1]].mean(axis=0)]
    np.testing.assert_allclose(found.vectors, expected, rtol=1e-5)
    assert found.tokens.tolist() == [2, 1, 2]
    assert encoder.identity("document")["weights"].startswith("sha256:")


def test_wordllama_is_the_mean_of_its_shipped_table() -> None:
    wordllama = pytest.importorskip("wordllama")
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    config = compose("run", ["model=wordllama"])
    encoder = load_encoder(config.model, config.runtime)
    found = encoder.encode(TEXTS, "query")
    shipped = Path(wordllama.__file__).parent
    (table,) = load_file(shipped / "weights" / "l2_supercat_256.safetensors").values()
    tokenizer = Tokenizer.from_file(str(shipped / "tokenizers" / "l2_supercat_tokenizer_config.json"))
    ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS]
    expected = [table[row].astype(np.float32).mean(axis=0) for row in ids]
    np.testing.assert_allclose(found.vectors, expected, rtol=1e-3, atol=1e-4)
    assert found.tokens.tolist() == [len(row) for row in ids]


def test_a_static_model_of_sentence_transformers_is_a_local_model(tmp_path: Path, colours: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    words = "[UNK] red green blue apple pear house tree river stone cloud bird fish".split()
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))  # noqa: S106
    tokenizer.pre_tokenizer = Whitespace()
    weights = np.eye(len(words), 16, dtype=np.float32)
    SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_weights=weights)]).save(str(tmp_path / "model"))
    places = [f"corpus.beir.path={colours}", f"results_dir={tmp_path / 'r'}", f"store.path={tmp_path / 's'}"]
    run = ["model=local", f"model.path={tmp_path / 'model'}", "corpus=beir", *places, "top_k=10", "measures=[R@2]"]
    assert main([*run, "runtime.latency_calls=3", "at_workload_seconds=0"]) == 0
    (point,) = read_run(stored_runs(tmp_path / "r")[0]).about["points"]
    assert point["R@2"] == 1.0  # one-hot words: the one or two documents with the query's word come first


def test_wordllama_on_a_real_corpus(shared_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("wordllama")
    places = [f"corpus.beir.path={shared_data / 'xquad-en'}", f"results_dir={tmp_path / 'r'}"]
    run = ["model=wordllama", "corpus=beir", *places, f"store.path={tmp_path / 's'}", "dims=[64,256]"]
    assert main([*run, "runtime.latency_calls=20", "at_workload_seconds=0"]) == 0
    points = {p["dims"]: p for p in read_run(stored_runs(tmp_path / "r")[0]).about["points"]}
    assert 0.5 < points[64]["nDCG@10"] < points[256]["nDCG@10"] < 0.95
    assert points[64]["dims_trained"] is True


def test_no_librarys_log_is_turned_on() -> None:
    pytest.importorskip("wordllama")
    code = (
        "import logging; from evalkit.config.compose import compose; from evalkit.encoders import load_encoder\n"
        "config = compose('run', ['model=wordllama']); load_encoder(config.model, config.runtime).load()\n"
        "logging.getLogger('a library').info('loud'); assert not logging.getLogger().handlers"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_model_that_is_nowhere_names_both_ways_out() -> None:
    pytest.importorskip("model2vec")
    config = compose("run", ["model=potion-retrieval"])
    with pytest.raises(UserError, match=r"(?s)neither in the hub's cache.*model.path=<folder>"):
        load_encoder(config.model, config.runtime).encode(["a"], "query")


def test_a_width_that_wordllamas_package_does_not_have_is_refused_before_anything_is_loaded() -> None:
    pytest.importorskip("wordllama")
    config = compose("run", ["model=wordllama", "model.native_dims=128"])
    with pytest.raises(UserError, match=r"gives 256 dimensions, model.native_dims says 128.*\n.*native_dims=256"):
        load_encoder(config.model, config.runtime)


def test_a_wrong_width_of_a_saved_table_is_refused_when_it_is_loaded(model2vec_folder: Path) -> None:
    config = compose("run", ["model=potion-base", f"model.path={model2vec_folder}", "model.native_dims=8"])
    with pytest.raises(UserError, match=r"gives 4 dimensions, model\.native_dims says 8"):
        load_encoder(config.model, config.runtime).load()
