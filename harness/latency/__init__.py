"""Measure how long systems take: opened systems, and one module for each mode."""
