"""Latency, memory and quality as the served file shows them: protocol, fresh processes, statistics, baselines."""
