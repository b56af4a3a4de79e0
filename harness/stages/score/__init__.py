"""Scorers: they compute one value per query."""
