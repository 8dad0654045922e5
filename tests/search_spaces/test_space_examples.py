"""The examples in the docstrings of the search spaces give what they show."""

import doctest

import search_spaces.space


def test_examples_give_what_they_show():
    failed, tried = doctest.testmod(search_spaces.space)
    assert tried and not failed


def test_the_base_of_search_spaces_shows_how_it_is_used():
    found = doctest.DocTestFinder(exclude_empty=True).find(search_spaces.space.SearchSpace)
    shown = "".join(example.source for test in found for example in test.examples)
    assert ".suggest(" in shown and ".parameters(" in shown
