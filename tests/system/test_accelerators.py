"""A device is there when PyTorch has it, and as many of its kind."""

import pytest

from evalkit.system.accelerators import there_is, visible_gpus


def test_a_device_beyond_those_of_the_machine_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [there_is(device) for device in ("cpu", "cuda", "cuda:1", "cuda:2", "xpu")] == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_without_cuda_none_of_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert not there_is("cuda")


def test_gpus_are_named_as_they_are_hidden_from_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert visible_gpus() == ["0", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-5ad")
    assert visible_gpus() == ["3", "GPU-5ad"]
