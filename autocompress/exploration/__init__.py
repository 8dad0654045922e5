"""The search: what to try next, trials on workers, and a study on disk that survives its controller."""
