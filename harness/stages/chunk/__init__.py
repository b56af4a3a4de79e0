"""Chunkers: they split documents into passages."""
