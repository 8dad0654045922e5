"""Keeps a study on disk: its problem, state, database, results, prepared weights and shipped files."""
