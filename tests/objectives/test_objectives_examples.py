"""The examples in the docstrings of the objectives and of the Pareto arithmetic give what they show."""

import doctest
import importlib

import pytest

MODULES = {
    "autocompress.trials.pareto": 3,
    "objectives": 2,
    "objectives.latency": 1,
    "objectives.memory": 1,
    "objectives.quality": 1,
    "objectives.size": 1,
    "objectives.unit": 1,
}
"""Modules, with the number of docstrings that have an example."""


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_show(name: str):
    module = importlib.import_module(name)
    examples = [found for found in doctest.DocTestFinder(exclude_empty=True).find(module) if found.examples]
    assert len(examples) >= MODULES[name]
    failed, tried = doctest.testmod(module, verbose=False)
    assert tried and not failed
