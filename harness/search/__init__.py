"""Search algorithms on arrays: exact and approximate nearest neighbours, inverted indexes, MaxSim."""
