"""The `harness` command: the commands, and one module for each thing that a command shows."""

from harness.cli.commands import app, main

__all__ = ["app", "main"]
