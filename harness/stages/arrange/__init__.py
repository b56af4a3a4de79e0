"""Arrangers: a run to what a reader gets, within a budget of tokens."""
