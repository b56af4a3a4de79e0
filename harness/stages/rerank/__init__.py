"""Rerankers: they reorder the first documents of a run."""
