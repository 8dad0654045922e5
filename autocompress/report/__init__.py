"""What a study shows: summaries, tables, plots, nearest misses and exported folders.

Each view computes a typed value first and draws it second.
"""
