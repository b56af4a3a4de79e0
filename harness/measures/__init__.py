"""Measures by name, one file each.

`evaluate` calculates them for a run, `judgements` and `hits` are what they see of it, `kernel` is how one is written,
`definition` says what a value means and `ties` what it can be where scores are equal. `scoring` holds what lies behind:
names and their parser, runs by ids, gold spans, measures of ir_measures and of plug-ins, and `harness score`.
"""
