"""Evaluates one trial: cuts a sub-network out, compiles it to one file and measures that."""
