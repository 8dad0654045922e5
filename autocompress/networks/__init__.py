"""Checkpoints: opening and checking them, encoder families, and weights as arrays with canonical names."""
