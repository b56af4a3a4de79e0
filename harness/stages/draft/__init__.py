"""Stages that a plan adds after a rewriter to use its drafts."""
