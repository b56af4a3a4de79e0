"""The result of measuring latency, of one mode or of all: rows, laps, and facts for run.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from harness.results.layout import LATENCY_SCHEMA
from harness.results.measurement import Measurement


@dataclass(frozen=True)
class Measured:
    """What a latency measurement contributes to a result folder."""

    rows: list[Measurement] = field(default_factory=list)
    """Rows of measurements.jsonl."""
    laps: pa.Table = field(default_factory=LATENCY_SCHEMA.empty_table)
    """LATENCY_SCHEMA"""
    said: Mapping[str, Any] = field(default_factory=dict)
    """The facts about the measurement in run.json."""
