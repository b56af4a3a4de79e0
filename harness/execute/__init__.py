"""Executes a plan: makes the artifacts that the store lacks."""
