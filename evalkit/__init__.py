"""Choose an embedding model, dimension and quantization on your own documents: embed once, score many.

From Python: ``evalkit.run(model="minilm", corpus="scifact")``; see evalkit.api and docs/python.md.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evalkit.api import Page, Run, compare, load, recommend, report, run
    from evalkit.errors import UserError

try:
    __version__ = version("embedding-evalkit")
except PackageNotFoundError:  # run from a checkout that was not installed
    __version__ = "0+unknown"

__all__ = ["Page", "Run", "UserError", "__version__", "compare", "load", "recommend", "report", "run"]


def __getattr__(name: str) -> Any:
    """What evalkit.api offers, imported when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module 'evalkit' has no attribute '{name}'")
    return getattr(import_module("evalkit.api"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
