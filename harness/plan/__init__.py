"""Turns a Suite into a Plan: named inputs, wired systems, each distinct stage once, and the dry run."""

from harness.plan.build import make_plan
from harness.plan.plan import Chain, Plan, Target
from harness.stage import answer_nodes, walk

__all__ = ["Chain", "Plan", "Target", "answer_nodes", "make_plan", "walk"]
