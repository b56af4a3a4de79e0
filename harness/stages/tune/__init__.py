"""Tuning: each query is answered by a candidate that was chosen on other queries."""
