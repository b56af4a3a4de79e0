from harness.api import run
from harness.results import Results, query

__all__ = ["Results", "__version__", "query", "run"]
__version__: str
