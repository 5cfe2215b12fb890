"""Runs with a known truth, to examine the verdicts of ``history.diagnose()``: drawn curves, and real fits that are measured."""
