"""Which of PyTorch's devices this machine has."""

KINDS = ("cuda", "mps", "cpu")


def there_is(device: str) -> bool:
    """Whether ``device`` (``cpu``, ``mps``, ``cuda``, ``cuda:1`` …) is one of this machine's."""
    import torch

    kind, _, number = device.partition(":")
    if kind == "cuda":
        return torch.cuda.is_available() and int(number or 0) < torch.cuda.device_count()
    return device == "cpu" or (device == "mps" and torch.backends.mps.is_available())
