"""Builds and measures the models of other compression tools, each in an environment of its own."""
