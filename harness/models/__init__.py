"""Models: which weights a suite means, and how they are loaded, prompted, tokenized and run, here or at an endpoint."""
