"""Models: where their weights are, how they are loaded, prompted, tokenised and run, here or behind an endpoint."""
