"""Holds what any program needs: errors, files that are whole or absent, JSON, units, processes, events."""
