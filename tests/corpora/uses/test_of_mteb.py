"""Tasks of mteb that are judged twice, by mteb's own evaluation and by evalkit's, on the same made vectors."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from evalkit.config import ClassificationTask, ClusteringTask, MtebCorpus, PairsTask
from evalkit.config.compose import compose
from evalkit.corpora.uses import labelled, pairs
from evalkit.errors import UserError
from evalkit.tasks.classification import Classification
from evalkit.tasks.clustering import Clustering
from evalkit.tasks.items import ItemTask, Judged, Kept
from evalkit.tasks.pairs import Pairs

mteb = pytest.importorskip("mteb")

WORDS = "card cash loan rate bank fee coin note"
Fake = Callable[..., Any]


def vector(text: str) -> np.ndarray:
    """A made vector: the mean of those of its words, so that texts of one topic are near each other."""
    seeds = [int.from_bytes(hashlib.sha256(word.encode()).digest()[:4]) for word in text.split()]
    return np.mean([np.random.default_rng(seed).standard_normal(16) for seed in seeds], axis=0)


class Encoder(mteb.models.abs_encoder.AbsEncoder):  # type: ignore[name-defined,misc]
    """What mteb takes for a model."""

    mteb_model_meta = None

    def __init__(self) -> None:
        pass

    def encode(self, inputs: Any, **kwargs: object) -> np.ndarray:
        return np.array([vector(text) for batch in inputs for text in batch["text"]], dtype=np.float32)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    """A real task of mteb whose data come from memory instead of the hub; ``changes`` are of its class's numbers."""
    from datasets import Dataset, DatasetDict

    get_task = mteb.get_task

    def give(name: str, splits: Mapping[str, Mapping[str, list]], **changes: object) -> Any:
        task = get_task(name)

        def load_data(**kwargs: object) -> None:
            tables = DatasetDict({split: Dataset.from_dict(columns) for split, columns in splits.items()})
            task.dataset = {task.hf_subsets[0]: tables} if task.metadata.is_multilingual else tables
            task.data_loaded = True

        for attribute, value in changes.items():
            monkeypatch.setattr(task, attribute, value)
        monkeypatch.setattr(task, "load_data", load_data)
        monkeypatch.setattr(mteb, "get_task", lambda *names, **kwargs: task)
        return task

    return give


def texts(count: int, seed: int, labels: int = 6) -> tuple[list[str], list[int]]:
    """Texts of made words with the number of the topic of each."""
    generator = np.random.default_rng(seed)
    topics = generator.integers(labels, size=count).tolist()
    words = WORDS.split()
    noise = generator.integers(60, size=(count, 2)).tolist()
    return [f"{words[topic]} w{a} w{b}" for topic, (a, b) in zip(topics, noise, strict=True)], topics


def judged(kind: type[ItemTask], settings: Any, corpus: Any) -> Judged:
    config = compose("run", ["model=minilm", "corpus=pydoc"])
    sides = (corpus.documents.texts, corpus.queries.texts)
    kept = [np.array([vector(text) for text in side], dtype=np.float32).reshape(-1, 16) for side in sides]
    return kind(config, settings, lambda *_: lambda _: None).judge(Kept(*kept), corpus)


def scores(task: Any, split: str = "test") -> Mapping[str, Any]:
    task.load_data()
    (of_subset,) = task.evaluate(Encoder(), split, encode_kwargs={"batch_size": 32}).values()
    return of_subset


def test_a_classification_task_is_judged_as_mteb_does_by_the_numbers_of_its_class(fake: Fake) -> None:
    (train, learned), (test, given) = texts(300, 1), texts(80, 2)
    splits = {"train": {"text": train, "label": learned}, "test": {"text": test, "label": given}}
    task = fake("AmazonCounterfactualClassification", splits, n_experiments=4, hf_subsets=["en"])
    assert task.samples_per_label == 32
    source = MtebCorpus(task="AmazonCounterfactualClassification", subset="en")
    corpus = labelled.load("c", source, "classification")
    assert (corpus.name, len(corpus.documents), len(corpus.queries)) == (
        "AmazonCounterfactualClassification/en",
        300,
        80,
    )
    found = judged(Classification, ClassificationTask(shots=[8]), corpus).per_item
    expected = scores(task)
    assert found["accuracy"].mean() == pytest.approx(expected["accuracy"], abs=1e-9)
    assert found["f1_macro"].mean() == pytest.approx(expected["f1"], abs=1e-9)
    assert 0.3 < expected["accuracy"] < 1
    assert found["accuracy_shots_8"].mean() != found["accuracy"].mean()
    own = judged(Classification, ClassificationTask(per_label=8, draws=4, shots=[8]), corpus).per_item
    np.testing.assert_array_equal(own["accuracy"], found["accuracy_shots_8"])


def test_numbers_that_are_a_class_s_names_are_read_as_these(fake: Fake) -> None:
    from datasets import ClassLabel, Features, Value

    (train, learned), (test, given) = texts(40, 1, 2), texts(10, 2, 2)
    splits = {"train": {"text": train, "label": learned}, "test": {"text": test, "label": given}}
    task = fake("Banking77Classification", splits)
    task.load_data()
    features = Features({"text": Value("string"), "label": ClassLabel(names=["no", "yes"])})
    tables = {split: table.cast(features) for split, table in task.dataset.items()}
    task.load_data = lambda **_: setattr(task, "dataset", tables)
    corpus = labelled.load("c", MtebCorpus(task="Banking77Classification"), "classification")
    assert corpus.query_labels == tuple(("no", "yes")[code] for code in given)


@pytest.mark.parametrize("sampled", [None, 150])
def test_a_clustering_task_is_judged_as_mteb_does(fake: Fake, sampled: int | None) -> None:
    sentences, labels = texts(240, 3)
    sizes = {"max_fraction_of_documents_to_embed": None, "max_document_to_embed": sampled}
    splits = {"test": {"sentences": sentences, "labels": labels}}
    fake("TwentyNewsgroupsClustering.v2", splits, **sizes, max_documents_per_cluster=300, n_clusters=3)
    corpus = labelled.load("c", MtebCorpus(task="TwentyNewsgroupsClustering.v2"), "clustering")
    assert len(corpus.documents) == (sampled or 240)
    found = judged(Clustering, ClusteringTask(), corpus)
    again = fake("TwentyNewsgroupsClustering.v2", splits, **sizes, max_documents_per_cluster=300, n_clusters=3)
    assert found.per_item["v_measure"].mean() == pytest.approx(scores(again)["v_measure"], abs=1e-9)
    assert 0.1 < found.per_item["v_measure"].mean() < 1


def test_labels_of_several_levels_are_judged_at_each_as_mteb_does(fake: Fake) -> None:
    sentences, labels = texts(240, 4)
    levels = [[f"part {label // 2}", f"topic {label}"][: 1 + (row % 3 > 0)] for row, label in enumerate(labels)]
    sizes = {"max_fraction_of_documents_to_embed": 0.9, "max_documents_per_cluster": 300, "n_clusters": 3}
    splits = {"test": {"sentences": sentences, "labels": levels}}
    fake("ArXivHierarchicalClusteringP2P", splits, **sizes)
    corpus = labelled.load("c", MtebCorpus(task="ArXivHierarchicalClusteringP2P"), "clustering")
    assert len(corpus.documents) == 216
    assert [len(set(level)) for level in (corpus.document_labels, *corpus.finer_labels)] == [3, 7]  # one: no label
    found = judged(Clustering, ClusteringTask(), corpus).per_item
    expected = scores(fake("ArXivHierarchicalClusteringP2P", splits, **sizes))["v_measure"]
    assert found["v_measure"].mean() == pytest.approx(expected, abs=1e-9)
    assert len(found["v_measure_hdbscan"]) == 216


def test_an_sts_task_is_judged_as_mteb_does(fake: Fake) -> None:
    (first, topics), (second, others) = texts(90, 5), texts(90, 6)
    given = [5.0 - abs(a - b) for a, b in zip(topics, others, strict=True)]
    task = fake("STSBenchmark", {"test": {"sentence1": first, "sentence2": second, "score": given}})
    found = judged(Pairs, PairsTask(), pairs.load("c", MtebCorpus(task="STSBenchmark"))).per_item
    expected = scores(task)
    assert found["spearman"].mean() == pytest.approx(expected["cosine_spearman"], abs=1e-6)
    assert found["pearson"].mean() == pytest.approx(expected["cosine_pearson"], abs=1e-6)


@pytest.mark.parametrize("in_one_row", [False, True])
def test_a_pair_classification_is_judged_as_mteb_does(fake: Fake, in_one_row: bool) -> None:
    (first, topics), (second, others) = texts(90, 5), texts(90, 6)
    columns = {
        "sentence1": first,
        "sentence2": second,
        "labels": [int(a == b) for a, b in zip(topics, others, strict=True)],
    }
    rows = {name: [values] for name, values in columns.items()} if in_one_row else columns
    task = fake("TwitterURLCorpus", {"test": rows})
    found = judged(Pairs, PairsTask(), pairs.load("c", MtebCorpus(task="TwitterURLCorpus"))).per_item
    expected = scores(task)
    assert found["average_precision"].mean() == pytest.approx(expected["cosine_ap"], abs=1e-6)
    assert found["f1"].mean() == pytest.approx(expected["cosine_f1"], abs=1e-6)


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("STSBenchmark", "classification", r"is a STS task; task=classification reads Classification\.\n.*task=pairs"),
        ("SciFact", "clustering", r"is a Retrieval task; task=clustering reads .*\n.*Use it with task=retrieval"),
        ("RedditClustering", "clustering", r"in another way than newer Clustering tasks.*\n.*'RedditClustering\.v2'"),
        ("SciRepEvalDRSMClassification", "classification", "by cross-validation"),
        ("Banking77Clasification", "classification", "Did you mean 'Banking77Classification'"),
    ],
)
def test_tasks_that_a_kind_can_t_judge_name_the_way_out(name: str, kind: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        labelled.load("c", MtebCorpus(task=name), kind)


def test_a_task_of_labels_has_no_pairs() -> None:
    with pytest.raises(UserError, match="task=pairs reads STS and PairClassification"):
        pairs.load("c", MtebCorpus(task="Banking77Classification"))


def test_one_of_several_subsets_must_be_named(fake: Fake) -> None:
    fake("MTOPIntentClassification", {})
    with pytest.raises(UserError, match=r"has several subsets, say which"):
        labelled.load("c", MtebCorpus(task="MTOPIntentClassification"), "classification")


def test_a_split_that_is_not_there_is_named(fake: Fake) -> None:
    fake("STSBenchmark", {"tset": {"sentence1": ["a"], "sentence2": ["b"], "score": [1.0]}})
    with pytest.raises(UserError, match=r"STSBenchmark has no split 'test'.*\n.*Did you mean 'tset'"):
        pairs.load("c", MtebCorpus(task="STSBenchmark"))
