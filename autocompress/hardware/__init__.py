"""Reads the machine: its processor, cores, memory, their speed now and what else runs on them."""
