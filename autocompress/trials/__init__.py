"""Which configuration is tried next, who runs it, and what is remembered of it."""
