"""Indexes: each file contains an indexer and the searcher that reads its index."""
