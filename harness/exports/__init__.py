"""Export result folders to the formats of other tools, one module for each format."""

from harness.exports.export import FORMATS, export_to

__all__ = ["FORMATS", "export_to"]
