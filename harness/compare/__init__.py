"""Comparisons from result files alone: systems side by side, and what they cost."""
