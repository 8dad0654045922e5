"""Holds the student type that runs a bidirectional LSTM over the teacher's word embeddings."""
