"""What computes the transformer: PyTorch itself, or the same module converted for OpenVINO or ONNX Runtime.

Only the transformer is exchanged. Tokenizer, prompts, truncation, pooling and normalisation stay those of
sentence-transformers, so two runtimes differ in nothing but arithmetic.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

from evalkit.config import RuntimeConfig
from evalkit.errors import UserError, did_you_mean, is_installed, require

Tensors = Mapping[str, Any]
TokenEmbeddings = Callable[[Tensors], Any]
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
ONNX_OPSET = 17
LEAST_COSINE = 0.999  # below it, a runtime's vectors are not taken for PyTorch's


@dataclass(frozen=True)
class Runtime:
    """A way to run a transformer: what must be installed, what it can do, and how it takes over.

    ``convert(module, example, precision, threads)`` gives a function from input tensors to token embeddings
    (texts × tokens × width, float32); null leaves the module to PyTorch.
    """

    packages: tuple[str, ...]
    precisions: tuple[str, ...]
    on_gpu: bool
    convert: Callable[[Any, Tensors, str, int], TokenEmbeddings] | None

    @property
    def installed(self) -> bool:
        return all(is_installed(package) for package in self.packages)


def openvino(module: Any, example: Tensors, precision: str, threads: int) -> TokenEmbeddings:
    """Convert directly from the torch module (no ONNX file between), with dynamic shapes."""
    import openvino as ov
    import torch

    names = tuple(example)
    with quiet_conversion():
        converted = ov.convert_model(last_hidden_state(module, names), example_input=tuple(example.values()))
    options = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": {"float32": "f32", "bf16": "bf16"}[precision],
        "INFERENCE_NUM_THREADS": threads,
    }
    compiled = ov.Core().compile_model(converted, "CPU", options)
    return lambda inputs: torch.from_numpy(compiled([inputs[n].numpy() for n in names])[0])


def onnx(module: Any, example: Tensors, precision: str, threads: int) -> TokenEmbeddings:
    """Export to ONNX and run it in ONNX Runtime on the CPU."""
    import onnxruntime
    import torch

    names = tuple(example)
    axes = {name: {0: "texts", 1: "tokens"} for name in (*names, "token_embeddings")}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    with quiet_conversion(), TemporaryDirectory() as folder:
        file = f"{folder}/transformer.onnx"
        torch.onnx.export(
            last_hidden_state(module, names),
            tuple(example.values()),
            file,
            input_names=list(names),
            output_names=["token_embeddings"],
            dynamic_axes=axes,
            opset_version=ONNX_OPSET,
            dynamo=False,
        )
        session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return lambda inputs: torch.from_numpy(session.run(None, {n: inputs[n].numpy() for n in names})[0])


RUNTIMES = {
    "torch": Runtime(("torch",), ("float32", "bf16", "fp16"), on_gpu=True, convert=None),
    "openvino": Runtime(("openvino",), ("float32", "bf16"), on_gpu=False, convert=openvino),
    "onnx": Runtime(("onnxruntime", "onnx"), ("float32",), on_gpu=False, convert=onnx),
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
