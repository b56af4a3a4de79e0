"""Suite to Plan: the distinct stages of all systems, each once. The wiring table is all that knows how stages fit."""

from harness.plan.build import make_plan
from harness.plan.plan import Line, Plan, Target
from harness.stage import answering, walk

__all__ = ["Line", "Plan", "Target", "answering", "make_plan", "walk"]
