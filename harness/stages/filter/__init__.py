"""Stages that take documents out of a run."""
