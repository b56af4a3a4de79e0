"""Check a result folder against itself: checksums, and scores and latencies computed again from stored files."""

from harness.verify.checker import verify

__all__ = ["verify"]
