"""Collapsers: they turn a run of passages into a run of documents."""
