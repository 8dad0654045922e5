"""Holds the student type of the teacher's own architecture: sub-networks of its encoder."""
