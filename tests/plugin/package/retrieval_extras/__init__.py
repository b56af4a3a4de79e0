"""A package of someone else: one more index with its searcher, one more measure, one more data set."""
