"""Defines the values that everything speaks of: a problem, a teacher's shape, figures."""
