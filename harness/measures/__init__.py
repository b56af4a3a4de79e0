"""Measures by name: a measure is data (`parse`), a kernel is code, and `evaluate` brings them to a run."""
