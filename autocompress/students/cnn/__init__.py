"""Holds the student that reads the teacher's word vectors with convolutions."""
