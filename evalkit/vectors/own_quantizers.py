"""Quantizers that a user wrote: the class that ``_target_`` names, made and looked at before anything is encoded."""

from typing import Any

from evalkit.config import QuantizationConfig
from evalkit.errors import UserError, first_line


def own_quantizer(quantization: QuantizationConfig) -> Any:
    """The object of the class that ``_target_`` names, made with ``options``.

    Raises UserError where it can't be made, and where it has no ``train`` or ``search``.
    """
    from hydra.errors import InstantiationException
    from hydra.utils import instantiate

    try:
        quantizer = instantiate({"_target_": quantization._target_, **quantization.options})
    except InstantiationException as error:
        reason = first_line(error)
        raise UserError(f"the quantizer {quantization._target_} can't be made: {reason}") from None
    for method in ("train", "search"):
        if not has_method(quantizer, method):
            raise UserError(
                f"the quantizer {quantization._target_} has no {method}().",
                "It needs train(documents) and search(queries, k).",
            )
    return quantizer


def has_method(quantizer: Any, name: str) -> bool:
    return callable(getattr(quantizer, name, None))
