"""Result files to a report that a person reads: `render` writes it; harness.report.terminal draws it for a terminal."""

from harness.report.pages import render

__all__ = ["render"]
