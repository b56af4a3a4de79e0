"""The `harness` command: its commands in groups, and one module for each thing that a command shows."""

from harness.cli.commands import app, main

__all__ = ["app", "main"]
