"""Fusions: they join several runs into one."""
