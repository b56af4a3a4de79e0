"""Stages of one name are told apart by a number, in the order in which they work."""

from __future__ import annotations

from harness.latency.target_stages import distinct_names
from harness.stage import Node
from harness.stages.reduce.truncate import Truncate


def test_the_second_and_third_stage_of_a_name_are_numbered() -> None:
    nodes = [Node(Truncate(dim=dim)) for dim in (64, 32, 16)]
    assert distinct_names(nodes) == ["reduce/truncate", "reduce/truncate#2", "reduce/truncate#3"]
    assert distinct_names([]) == []
