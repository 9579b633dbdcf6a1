"""Cross-encoders: raw scores, batches by token budget, and the store of scores and times."""

from pathlib import Path

import numpy as np
import pytest

from evalkit.config import RerankerConfig, RuntimeConfig
from evalkit.errors import UserError
from evalkit.rerankers.cross_encoder import CrossEncoder, PairScores
from evalkit.rerankers.scores import ScoreStore

TORCH = RuntimeConfig("torch", "cpu", "float32")


def test_scores_are_the_models_raw_ones_at_any_token_budget(tiny_reranker: Path) -> None:
    import sentence_transformers
    import torch

    documents = ["red apple", "green pear tree house " * 9, "fish", ""]
    model = sentence_transformers.CrossEncoder(str(tiny_reranker), device="cpu")
    pairs = [("blue river", document) for document in documents]
    expected = model.predict(pairs, activation_fn=torch.nn.Identity())
    config = RerankerConfig(kind="cross_encoder", name="tiny", path=str(tiny_reranker))
    for budget in (None, 1, 40):
        made = CrossEncoder(config, RuntimeConfig("torch", "cpu", "float32", token_budget=budget)).score(
            "blue river", documents
        )
        np.testing.assert_allclose(made.scores, expected, atol=1e-6)
        assert made.truncated.tolist() == [False, True, False, False]


def test_each_corpus_has_the_times_of_its_own_texts(tmp_path: Path, tiny_reranker: Path) -> None:
    config = RerankerConfig(kind="cross_encoder", name="tiny", path=str(tiny_reranker))
    scores = ScoreStore(tmp_path, CrossEncoder(config, TORCH).identity(), "here")
    for corpus, ms in (("short", 1.0), ("long", 9.0), ("short", 2.0)):
        made = PairScores(np.zeros(2, dtype=np.float32), np.zeros(2, dtype=np.bool_), ms)
        scores.keep(corpus, "a query", ["red", "green"], made)
    assert scores.calls_ms("short", 2).tolist() == [1.0, 2.0]
    assert scores.calls_ms("long", 2).tolist() == [9.0]
    assert scores.calls_ms("long", 3).tolist() == []


def test_another_machine_takes_the_scores_and_not_the_times(tmp_path: Path, tiny_reranker: Path) -> None:
    config = RerankerConfig(kind="cross_encoder", name="tiny", path=str(tiny_reranker))
    here, elsewhere = (ScoreStore(tmp_path, CrossEncoder(config, TORCH).identity(), name) for name in ("a", "b"))
    here.keep("c", "a query", ["red"], PairScores(np.ones(1, dtype=np.float32), np.zeros(1, dtype=np.bool_), 5.0))
    assert elsewhere.known("a query", ["red"]) == {0: (1.0, False)}
    assert (here.calls_ms("c", 1).tolist(), elsewhere.calls_ms("c", 1).tolist()) == ([5.0], [])


def test_a_classifier_is_no_reranker(tiny_model: Path, tmp_path: Path, tiny_reranker: Path) -> None:
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    tokenizer = AutoTokenizer.from_pretrained(str(tiny_reranker))
    config = BertConfig(vocab_size=len(tokenizer), num_labels=3, **sizes)
    BertForSequenceClassification(config).save_pretrained(tmp_path / "three")
    tokenizer.save_pretrained(tmp_path / "three")
    reranker = CrossEncoder(RerankerConfig(kind="cross_encoder", path=str(tmp_path / "three")), TORCH)
    with pytest.raises(UserError, match="three gives 3 scores for a pair"):
        reranker.score("a", ["b"])
