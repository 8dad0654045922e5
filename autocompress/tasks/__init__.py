"""From files or names of data sets to encoded splits, and the task's metric.

``loading`` and ``demo`` give texts and labels, ``encoding`` turns them into token ids, ``metrics`` judges outputs.
"""
