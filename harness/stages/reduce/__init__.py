"""Reducers: they make vectors smaller."""
