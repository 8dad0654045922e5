"""Holds the student that keeps the teacher's architecture: a sub-network of its encoder."""
