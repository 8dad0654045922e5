"""The networks that are compressed and distilled: import, elastic forms, cuts and their weights as arrays."""
