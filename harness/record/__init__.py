"""Writes what was made and measured into a result folder, one module per part of the folder."""
