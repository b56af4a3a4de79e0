"""Confidence intervals, tests and resampling: pure functions on arrays."""

from harness.statistics.bootstrap import Interval, mean_interval, mean_intervals, paired_interval
from harness.statistics.significance import holm, randomisation_p

__all__ = ["Interval", "holm", "mean_interval", "mean_intervals", "paired_interval", "randomisation_p"]
