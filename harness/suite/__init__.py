"""The suite language: reads a YAML file into a checked Suite and reports every mistake with its line and column."""

from harness.suite.steps import Step
from harness.suite.suite import Suite, load_suite, make_dataset
from harness.suite.systems import System

__all__ = ["Step", "Suite", "System", "load_suite", "make_dataset"]
