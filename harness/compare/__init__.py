"""Judgements from result files: systems side by side, and what they cost. It runs nothing and draws nothing."""
