"""Runs the phases of a search in order and shares the time out over them."""
