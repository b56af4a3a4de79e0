"""Collections to search; each source lives in a module of its own."""
