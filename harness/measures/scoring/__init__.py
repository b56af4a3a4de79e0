"""How runs are scored by measures: names to measures, ids to rows, gold spans to judgements, files to values."""
