"""Quantizers that a user wrote: the class that ``_target_`` names, made and looked at before anything is encoded."""

from importlib import import_module
from typing import Any

from evalkit.config import QuantizationConfig
from evalkit.errors import UserError, first_line

METHODS_HINT = "It needs train(documents) and search(queries, k)."


def own_quantizer(quantization: QuantizationConfig) -> Any:
    """The object of the class that ``_target_`` names, made with ``options``, which are data whatever they hold.

    config.own_code says whether it may be imported. Raises UserError where it can't be made, and where it has no
    ``train`` or ``search``.
    """
    target = str(quantization._target_)
    try:
        quantizer = own_class(target)(**quantization.options)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"the quantizer {target} can't be made: {first_line(error)}") from None
    for method in ("train", "search"):
        if not has_method(quantizer, method):
            raise UserError(f"the quantizer {target} has no {method}().", METHODS_HINT)
    return quantizer


def own_class(target: str) -> type:
    """The class ``module.Name``. Raises UserError for what is no class, or one of another module or package."""
    module, _, name = target.rpartition(".")
    if not module or not all(part.isidentifier() for part in target.split(".")):
        raise UserError(f"the quantizer {target!a} can't be made: it is no class.", "Write <module>.<class>.")
    found = getattr(import_module(module), name)
    if not isinstance(found, type) or not f"{found.__module__}.".startswith(f"{module}."):
        raise UserError(f"the quantizer {target} can't be made: {module} defines no such class.", METHODS_HINT)
    return found


def has_method(quantizer: Any, name: str) -> bool:
    return callable(getattr(quantizer, name, None))
