"""What a mode of latency returns: rows, laps, and facts for run.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from harness.results.layout import LATENCY_SCHEMA
from harness.results.measurement import Measurement


@dataclass(frozen=True)
class Measured:
    """Rows of measurements.jsonl, laps (LATENCY_SCHEMA), and the facts about the measurement that go into run.json."""

    rows: list[Measurement] = field(default_factory=list)
    laps: pa.Table = field(default_factory=LATENCY_SCHEMA.empty_table)
    facts: Mapping[str, Any] = field(default_factory=dict)
