"""Documents to an index, and the searcher that reads it."""
