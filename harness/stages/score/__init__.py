"""A run to one value a query."""
