"""Which of PyTorch's devices this machine has."""

import os

KINDS = ("cuda", "mps", "cpu")


def there_is(device: str) -> bool:
    """Whether ``device`` (``cpu``, ``mps``, ``cuda``, ``cuda:1`` …) is one of this machine's."""
    import torch

    kind, _, number = device.partition(":")
    if kind == "cuda":
        return torch.cuda.is_available() and int(number or 0) < torch.cuda.device_count()
    return device == "cpu" or (device == "mps" and torch.backends.mps.is_available())


def visible_gpus() -> list[str]:
    """Every CUDA device that this process may use, by its name for CUDA_VISIBLE_DEVICES."""
    import torch

    count = torch.cuda.device_count()
    named = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    return named[:count] if named else [str(number) for number in range(count)]
