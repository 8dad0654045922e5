"""The phases of a run, in order, and how the time is shared out over them."""
