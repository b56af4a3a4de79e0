"""Readers of files that several sources of data sets share."""
