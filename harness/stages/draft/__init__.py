"""What a plan makes of the drafts of a rewriter."""
