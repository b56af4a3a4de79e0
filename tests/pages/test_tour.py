"""The tour shows every family of retrieval that there is, or says why it does not."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path

import harness
from harness.cli.inventory import inventory
from harness.registry import STAGES
from harness.suite import load_suite

TOUR = Path(harness.__file__).parent.parent / "suites" / "tour.yaml"
LEFT_OUT = re.compile(r"^#   (\w+: \S+) {2,}\S", re.MULTILINE)
"""A line of the head of the file: a word of a stage, or a pattern, and the reason."""


def test_every_word_of_a_stage_is_shown_or_left_out_for_a_reason() -> None:
    steps = [step for system in load_suite(TOUR).systems.values() for step in system.steps]
    shown = {f"{step.role}: {step.word}" for step in steps}
    left_out = LEFT_OUT.findall(TOUR.read_text("utf-8"))
    built_in = {name.split("/", 1)[1] for name, stage in STAGES.items() if stage.__module__.startswith("harness.")}
    known = {item.name for item in inventory("stages") if item.name.split(": ", 1)[1] in built_in}
    forgotten = {word for word in known - shown if not any(fnmatch(word, pattern) for pattern in left_out)}
    assert not forgotten, "show them in suites/tour.yaml, or say in its head why not"
    assert not [pattern for pattern in left_out if any(fnmatch(word, pattern) for word in shown)]


def test_it_needs_nothing_but_what_is_bundled() -> None:
    suite = load_suite(TOUR)
    assert {spec.path for spec in suite.models.values()} == {"bundled:all-MiniLM-L6-v2"}
    assert {dataset.source for dataset in suite.datasets.values()} == {"python-docs"}
