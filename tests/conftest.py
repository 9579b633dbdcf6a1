"""What several rooms' tests share: the real collections, one store for the whole session, and a tiny random model."""

import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from evalkit.system import busy
from tests.no_skips import pytest_make_collect_report, pytest_runtest_makereport  # noqa: F401  (hooks)

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads of one worker don't spin where another's could run
SHARED_DATA = ROOT.parent / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole runs come first: what takes longest isn't left to one worker at the end."""
    items.sort(key=lambda item: item.path.parent != ROOT / "tests")


def pytest_collection_finish() -> None:
    """What is loaded by now stays: the garbage collector, which every composed config sets off, passes it by."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, dict[str, Any] | None, Any]:
    """A failure whose message holds half a character is told too: else the worker can't send it, and dies of it."""
    values = yield
    return values and json.loads(json.dumps(values, ensure_ascii=False).encode("utf-8", "replace"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real test collections beside the checkout."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the real collections are not on this machine ({SHARED_DATA})")
    return SHARED_DATA


@pytest.fixture(scope="session")
def published(shared_data: Path) -> Mapping[str, Mapping[str, Mapping[str, Mapping[str, float]]]]:
    """Figures published by the MTEB project: task → model@revision → subset/split → measure."""
    return json.loads((shared_data / "published.json").read_text())


@pytest.fixture(scope="session")
def session_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One embedding store for the whole session and all of its workers, so that every text is encoded once."""
    base = tmp_path_factory.getbasetemp()
    store = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "store"
    store.mkdir(exist_ok=True)
    return store


@pytest.fixture(scope="session", autouse=True)
def quiet_machine() -> Iterator[None]:
    """No test depends on how busy the machine is: as on a system that doesn't tell."""
    with pytest.MonkeyPatch.context() as system:
        system.setattr(busy, "THREADS", ROOT / "none")
        system.setattr(busy, "MACHINE", ROOT / "none")
        yield


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The user's cache folder is never touched, and the hub is never asked."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("EVALKIT_DATA", raising=False)


Evalkit = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def evalkit(tmp_path: Path) -> Evalkit:
    """Run ``python -m evalkit`` in its own process, in an empty folder, as a user would."""

    def run(*arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "evalkit", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run


WORDS = "red green blue apple pear house tree river stone cloud bird fish query passage :".split()


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence-transformers folder of a random two-layer BERT of 32 dims that reads 16 tokens."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("tiny")
    vocabulary = folder / "vocab.txt"
    letters = [f"{mark}{chr(c)}" for mark in ("", "##") for c in range(ord("a"), ord("z") + 1)]
    vocabulary.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *letters]))
    tokenizer = BertTokenizerFast(str(vocabulary))
    torch.manual_seed(7)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder / "bert")
    tokenizer.save_pretrained(folder / "bert")
    transformer = Transformer(str(folder / "bert"))
    transformer.max_seq_length = 16
    SentenceTransformer(modules=[transformer, Pooling(32, "mean")]).save(str(folder / "model"))
    return folder / "model"


@pytest.fixture(scope="session")
def tiny_reranker(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a random cross-encoder over the tiny model's vocabulary, which reads 16 tokens of both texts."""
    import sentence_transformers
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    folder = tmp_path_factory.mktemp("reranker")
    tokenizer = BertTokenizerFast.from_pretrained(str(tiny_model))
    torch.manual_seed(11)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = BertConfig(vocab_size=len(tokenizer), max_position_embeddings=64, num_labels=1, **sizes)
    BertForSequenceClassification(config).save_pretrained(folder / "bert")
    tokenizer.save_pretrained(folder / "bert")
    model = sentence_transformers.CrossEncoder(str(folder / "bert"), max_length=16, device="cpu")
    model.save_pretrained(str(folder / "model"))
    return folder / "model"


WriteBeir = Callable[..., Path]


@pytest.fixture
def write_beir(tmp_path: Path) -> WriteBeir:
    """Write a BEIR folder from id → text, id → text and (query, document, grade) judgments."""

    def write(
        documents: Mapping[str, str],
        queries: Mapping[str, str],
        judgments: Sequence[tuple[str, str, int]],
        name: str = "colours",
    ) -> Path:
        folder = tmp_path / name
        (folder / "qrels").mkdir(parents=True)
        rows = [json.dumps({"_id": i, "title": "", "text": t}) for i, t in documents.items()]
        (folder / "corpus.jsonl").write_text("\n".join(rows) + "\n")
        rows = [json.dumps({"_id": i, "text": t}) for i, t in queries.items()]
        (folder / "queries.jsonl").write_text("\n".join(rows) + "\n")
        rows = ["query-id\tcorpus-id\tscore", *(f"{q}\t{d}\t{g}" for q, d, g in judgments)]
        (folder / "qrels" / "test.tsv").write_text("\n".join(rows) + "\n")
        return folder

    return write


@pytest.fixture
def colours(write_beir: WriteBeir) -> Path:
    """Twelve documents of two words each, six queries that each want one of them."""
    documents = {f"d{i}": f"{a} {b}" for i, (a, b) in enumerate(pairwise(WORDS[:13]))}
    queries = {f"q{i}": WORDS[i] for i in range(6)}
    return write_beir(documents, queries, [(f"q{i}", f"d{i}", 1) for i in range(6)])


@pytest.fixture
def tiny_run(tiny_model: Path, colours: Path, tmp_path: Path) -> list[str]:
    """The arguments of a run of the tiny model on the tiny corpus, quick and all below ``tmp_path``."""
    return [
        "model=local",
        f"model.path={tiny_model}",
        "model.native_dims=32",
        "corpus=beir",
        f"corpus.beir.path={colours}",
        f"results_dir={tmp_path / 'results'}",
        f"store.path={tmp_path / 'store'}",
        "top_k=10",
        "measures=[nDCG@10,R@10,RR@10]",
        "runtime.latency_calls=5",
        "at_workload_seconds=0",
    ]
