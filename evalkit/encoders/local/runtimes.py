"""What computes the transformer: PyTorch itself, or the same module converted for OpenVINO or ONNX Runtime.

Only the transformer is exchanged. Tokenizer, prompts, truncation, pooling and normalisation stay those of
sentence-transformers, so two runtimes differ in nothing but arithmetic.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any

from evalkit.config import RuntimeConfig
from evalkit.encoders.local.streams import Streams
from evalkit.errors import UserError, did_you_mean, is_installed, require

Tensors = Mapping[str, Any]
TokenEmbeddings = Callable[[Tensors], Any]
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
ONNX_OPSET = 17
MODEL_FILE = "transformer.onnx"
ON_CPU = "CPUExecutionProvider"
LEAST_COSINE = 0.999  # below it, a runtime's vectors are not taken for PyTorch's


@dataclass(frozen=True)
class Converted:
    """A converted transformer, from input tensors to token embeddings (texts × tokens × width, float32).

    ``in_streams`` may be called by as many threads at once as there are streams, and computes each call in one of
    them. ``alone`` makes another such function, which gives all threads to one call: what a server does with a query.
    """

    in_streams: TokenEmbeddings
    alone: Callable[[], TokenEmbeddings]


@dataclass(frozen=True)
class Runtime:
    """A way to run a transformer: what must be installed, what it can do, and how it takes over.

    ``convert(module, example, precision, streams)`` converts a PyTorch module; null leaves the module to PyTorch.
    """

    packages: tuple[str, ...]
    precisions: tuple[str, ...]
    on_gpu: bool
    convert: Callable[[Any, Tensors, str, Streams], Converted] | None
    seconds_per_million: float = 0.0  # about what converting takes for each million parameters

    def conversion_seconds(self, parameters: int) -> float:
        """About what ``convert`` takes for a model of so many ``parameters``."""
        return self.seconds_per_million * parameters / 1e6

    @property
    def installed(self) -> bool:
        return all(is_installed(package) for package in self.packages)


def openvino(module: Any, example: Tensors, precision: str, streams: Streams) -> Converted:
    """Convert directly from the torch module (no ONNX file between), with dynamic shapes."""
    import openvino as ov

    names = tuple(example)
    with quiet_conversion(), without_telemetry():
        converted = ov.convert_model(last_hidden_state(module, names), example_input=tuple(example.values()))
    precision_hint = {"INFERENCE_PRECISION_HINT": {"float32": "f32", "bf16": "bf16"}[precision]}
    # Not pinned to cores: several processes would be pinned to the same ones.
    shared = {**precision_hint, "ENABLE_CPU_PINNING": False}

    def compiled(count: int, hint: str, threads: int) -> TokenEmbeddings:
        options = {**shared, "PERFORMANCE_HINT": hint, "NUM_STREAMS": str(count), "INFERENCE_NUM_THREADS": threads}
        return in_requests(ov.Core().compile_model(converted, "CPU", options), names, count)

    throughput = compiled(streams.count, "THROUGHPUT", streams.count * streams.threads)
    return Converted(throughput, lambda: compiled(1, "LATENCY", streams.all_threads))


@contextmanager
def without_telemetry() -> Iterator[None]:
    """OpenVINO's converter tells nobody; by itself it would tell Google Analytics of every conversion, unasked."""
    if not is_installed("openvino_telemetry"):
        yield
        return
    import openvino_telemetry
    from openvino.tools.ovc.telemetry_stub import Telemetry

    telling = openvino_telemetry.Telemetry
    openvino_telemetry.Telemetry = Telemetry
    try:
        yield
    finally:
        openvino_telemetry.Telemetry = telling


def in_requests(compiled: Any, names: tuple[str, ...], count: int) -> TokenEmbeddings:
    """Calls of a ``compiled`` OpenVINO model, ``count`` of them at once, each by a request of its own."""
    import torch

    free: SimpleQueue[Any] = SimpleQueue()
    for _ in range(count):
        free.put(compiled.create_infer_request())

    def token_embeddings(inputs: Tensors) -> Any:
        request = free.get()
        try:
            return torch.from_numpy(request.infer([inputs[name].numpy() for name in names])[0])
        finally:
            free.put(request)

    return token_embeddings


def onnx(module: Any, example: Tensors, precision: str, streams: Streams) -> Converted:
    """Export to ONNX and run it in ONNX Runtime on the CPU."""
    import onnxruntime
    import torch

    names = tuple(example)
    axes = {name: {0: "texts", 1: "tokens"} for name in (*names, "token_embeddings")}
    folder = TemporaryDirectory()  # there as long as a session may be made of it
    with quiet_conversion():
        torch.onnx.export(
            last_hidden_state(module, names),
            tuple(example.values()),
            f"{folder.name}/{MODEL_FILE}",
            input_names=list(names),
            output_names=["token_embeddings"],
            dynamic_axes=axes,
            opset_version=ONNX_OPSET,
            dynamo=False,
        )

    def session(threads: int) -> TokenEmbeddings:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        made = onnxruntime.InferenceSession(f"{folder.name}/{MODEL_FILE}", options, providers=[ON_CPU])
        return lambda inputs: torch.from_numpy(made.run(None, {name: inputs[name].numpy() for name in names})[0])

    return Converted(session(streams.threads), lambda: session(streams.all_threads))


RUNTIMES = {
    "torch": Runtime(("torch",), ("float32", "bf16", "fp16"), on_gpu=True, convert=None),
    "openvino": Runtime(("openvino",), ("float32", "bf16"), on_gpu=False, convert=openvino, seconds_per_million=0.03),
    "onnx": Runtime(("onnxruntime", "onnx"), ("float32",), on_gpu=False, convert=onnx, seconds_per_million=0.05),
}


def find_runtime(config: RuntimeConfig) -> Runtime:
    """The runtime that ``config`` names.

    Raises UserError where it is unknown, not installed or can't do what is asked.
    """
    if config.kind not in RUNTIMES:
        raise UserError(f"runtime.kind={config.kind} is unknown.", did_you_mean(config.kind, RUNTIMES))
    runtime = RUNTIMES[config.kind]
    for package in runtime.packages:
        require(package, config.kind, f"runtime={config.kind}")
    if config.precision not in runtime.precisions:
        hint = did_you_mean(config.precision, runtime.precisions)
        raise UserError(f"runtime={config.kind} has no precision '{config.precision}'.", hint)
    if config.device not in ("auto", "cpu") and not runtime.on_gpu:
        raise UserError(f"runtime={config.kind} runs on the CPU, not on {config.device}.", "Use runtime=torch.")
    return runtime


def last_hidden_state(module: Any, names: tuple[str, ...]) -> Any:
    """``module`` as one that takes its inputs in order and gives the token embeddings alone."""
    import torch

    class LastHiddenState(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = module

        def forward(self, *inputs: Any) -> Any:
            return self.module(**dict(zip(names, inputs, strict=True))).last_hidden_state

    return LastHiddenState().eval()


@contextmanager
def quiet_conversion() -> Iterator[None]:
    """No advice from tracers: what a conversion is worth is told by the cosine to PyTorch."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
