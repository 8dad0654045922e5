"""Holds the student type that compares the two texts of a pair by one or more soft alignments."""
