"""Arrangers: they turn a run into the contexts for a reader, within a token budget."""
