"""Suite to Plan: the distinct stages of all systems, each once. The wiring table is all that knows how stages fit."""

from harness.plan.build import make_plan
from harness.plan.plan import Chain, Plan, Target
from harness.stage import answer_nodes, walk

__all__ = ["Chain", "Plan", "Target", "answer_nodes", "make_plan", "walk"]
