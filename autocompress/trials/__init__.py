"""Proposes trials, runs them on workers and commits their results."""
