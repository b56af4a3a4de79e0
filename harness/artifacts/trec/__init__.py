"""TREC files: runs and judgements as lines of text."""
