"""The package is installed by its test, not read from where it lies."""

collect_ignore = ["package"]
