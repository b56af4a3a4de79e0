"""A run to the same documents in a better order."""
