"""A benchmark and evaluation harness for embedding-based retrieval. Public names are imported on first use."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"
__all__ = ["Results", "__version__", "query", "run"]

_HOMES = {"Results": "harness.results", "query": "harness.results", "run": "harness.api"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'harness' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
