"""A benchmark and evaluation harness for embedding-based retrieval."""

__version__ = "0.1.0"
__all__ = ["__version__"]
