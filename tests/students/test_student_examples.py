"""The examples in the docstrings of the students' contracts give what they show."""

import doctest
import importlib

import pytest

EXAMPLES = {
    "choice": {"Choice", "RandomTrial", "scaled", "scaled_sizes"},
    "configuration": {"configuration_to_json", "configuration_digest", "describe"},
    "costs": {"in_order", "latency_terms"},
    "cutting": {"fits"},
    "dimension": {"Dimension.choice", "span"},
}
"""Modules of autocompress.students, with the names whose docstrings have an example."""


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_give_what_they_show(name: str):
    module = importlib.import_module(f"autocompress.students.{name}")
    found = doctest.DocTestFinder(exclude_empty=True).find(module)
    assert {test.name.removeprefix(f"{module.__name__}.") for test in found if test.examples} >= EXAMPLES[name]
    failed, tried = doctest.testmod(module, verbose=False)
    assert tried and not failed
