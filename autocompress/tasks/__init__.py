"""Kinds of task, and the way from files or names of data sets to encoded splits.

``kinds`` holds one file per kind of task. ``loading`` and ``demo`` read texts and labels, ``tokenizing`` turns them
into the token ids of ``encoding``, ``metrics`` judges a model's outputs.
"""
