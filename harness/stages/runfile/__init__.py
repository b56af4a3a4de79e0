"""Readers of the run files of other systems."""
