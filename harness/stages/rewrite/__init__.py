"""Rewriters: they have a language model write the texts that are searched with."""
