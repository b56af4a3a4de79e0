"""The suite language: a YAML file read into a checked Suite; every mistake is reported with its line and column."""

from harness.suite.suite import Suite, load_suite, make_dataset
from harness.suite.systems import Step, System

__all__ = ["Step", "Suite", "System", "load_suite", "make_dataset"]
