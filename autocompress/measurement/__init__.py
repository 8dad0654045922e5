"""Measures latency, memory and quality of served files: protocol, fresh processes, statistics, baselines."""
