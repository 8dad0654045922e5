"""Every public function of the package has an example in its docstring, and the examples hold."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil

import pytest

from autocompress import compression

MODULES = [f"{compression.__name__}.{module.name}" for module in pkgutil.iter_modules(compression.__path__)]


def public_functions(name: str) -> set[str]:
    members = inspect.getmembers(importlib.import_module(name), inspect.isfunction)
    return {member for member, function in members if function.__module__ == name and not member.startswith("_")}


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_hold(name: str):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("name", MODULES)
def test_every_public_function_has_an_example(name: str):
    found = doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(name))
    with_example = {test.name.removeprefix(f"{name}.") for test in found if test.examples}
    assert public_functions(name) and public_functions(name) - with_example == set()
