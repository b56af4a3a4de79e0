"""Reports for people from result files: `render` writes HTML, Markdown and CSV; `formats.terminal` draws a summary."""

from harness.report.pages import render

__all__ = ["render"]
