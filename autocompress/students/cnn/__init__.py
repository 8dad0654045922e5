"""Holds the student type that runs convolutions over the teacher's word embeddings."""
