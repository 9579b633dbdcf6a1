"""Choose an embedding model, dimension and quantization on your own documents: embed once, score many."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("embedding-evalkit")
except PackageNotFoundError:  # run from a checkout that was not installed
    __version__ = "0+unknown"
