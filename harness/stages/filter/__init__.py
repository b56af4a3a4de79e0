"""Filters: they remove documents from a run."""
