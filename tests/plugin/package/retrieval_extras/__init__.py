"""A third-party package: an indexer with its searcher, a measure and a data set."""
