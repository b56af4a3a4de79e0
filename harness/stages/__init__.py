"""The built-in stages: one folder per role, one file per name in a suite."""
