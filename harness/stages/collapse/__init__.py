"""Runs of passages to runs of documents."""
