"""Artifacts: the data that flows between stages, one kind per module."""
