"""TREC files: reads and writes runs and judgements as lines of text."""
