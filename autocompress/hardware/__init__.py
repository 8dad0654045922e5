"""The machine: its processor, which cores are whose, how fast a core is now, what else runs on it."""
