"""Runs that somebody else's system made."""
