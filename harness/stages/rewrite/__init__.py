"""Queries to other texts that are searched with, written by a language model."""
