"""Prepares what is paid for once before the search: data, teacher, transfer set, super-networks."""
