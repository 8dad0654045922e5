"""A dimension and a student type of one file each keep the contracts, and what is taken from them is named."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from dataclasses import MISSING, fields, replace
from typing import Any

import pytest
import student_suite
from student_suite import CHECKS

from autocompress.students import DIMENSIONS, STUDENTS
from autocompress.students.dimension import Dimension
from autocompress.students.linear_forms import LINEAR_FORMS, LinearForm
from autocompress.students.student_type import StudentType
from autocompress.system.errors import InputError

REGISTRIES: tuple[dict[str, Any], ...] = (STUDENTS, DIMENSIONS, LINEAR_FORMS)
REQUIRED = [field.name for field in fields(Dimension) if field.default is MISSING]
ABSTRACT = sorted(StudentType.__abstractmethods__)
SETTINGS = [name for name in sorted(StudentType.__annotations__) if not hasattr(StudentType, name)]


@pytest.fixture
def registered(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The module of a toy, whose entries are in the registries for as long as the test runs."""
    before = [dict(registry) for registry in REGISTRIES]
    clear()
    try:
        yield importlib.import_module(request.param)
    finally:
        for registry, content in zip(REGISTRIES, before, strict=True):
            registry.clear()
            registry.update(content)
        sys.modules.pop(request.param, None)
        clear()


def clear() -> None:
    for cached in (student_suite.configurations, student_suite.super_network):
        cached.cache_clear()


dimension = pytest.mark.parametrize("registered", ["toy_dimension"], indirect=True)
student = pytest.mark.parametrize("registered", ["toy_student"], indirect=True)


@dimension
@pytest.mark.parametrize("check", CHECKS)
def test_the_encoder_keeps_the_contract_with_a_further_dimension(registered: Any, check: str) -> None:
    CHECKS[check](STUDENTS["transformer"])


@student
@pytest.mark.parametrize("check", CHECKS)
def test_a_further_student_type_keeps_the_contract(registered: Any, check: str) -> None:
    CHECKS[check](STUDENTS["bag"])


@dimension
@pytest.mark.parametrize("part", REQUIRED)
def test_a_part_that_a_dimension_lacks_is_named(registered: Any, part: str) -> None:
    parts = {field.name: getattr(registered.SPECTRUM, field.name) for field in fields(Dimension) if field.name != part}
    with pytest.raises(TypeError, match=f"'{part}'"):
        Dimension(**parts)


@dimension
def test_a_value_that_is_kept_nowhere_is_named(registered: Any) -> None:
    DIMENSIONS["layers.spectrum"] = replace(registered.SPECTRUM, omitted=None)
    with pytest.raises((AssertionError, KeyError, ValueError), match="spectrum"):
        CHECKS["options"](STUDENTS["transformer"])


@dimension
def test_a_dimension_without_an_effect_is_named(registered: Any) -> None:
    del LINEAR_FORMS["truncated"]
    with pytest.raises(AssertionError, match=r"spectrum = .* has no effect"):
        CHECKS["effect"](STUDENTS["transformer"])


@dimension
@pytest.mark.parametrize("part", [field.name for field in fields(LinearForm)])
def test_a_part_that_a_form_lacks_is_named(registered: Any, part: str) -> None:
    parts = {f.name: getattr(registered.TRUNCATED, f.name) for f in fields(LinearForm) if f.name != part}
    with pytest.raises(TypeError, match=f"'{part}'"):
        LinearForm(**parts)


@student
@pytest.mark.parametrize("part", ABSTRACT)
def test_a_method_that_a_student_type_lacks_is_named(registered: Any, part: str) -> None:
    incomplete = type("Incomplete", (registered.BagStudent,), {part: getattr(StudentType, part)})
    with pytest.raises(TypeError, match=part):
        incomplete()


@student
@pytest.mark.parametrize("part", SETTINGS)
def test_a_setting_that_a_student_type_lacks_is_named(registered: Any, part: str) -> None:
    content = {name: value for name, value in vars(registered.BagStudent).items() if name != part}
    incomplete = type("Incomplete", (StudentType,), content)
    with pytest.raises(TypeError, match=f"must define {part}"):
        incomplete()


@student
@pytest.mark.parametrize("name", ["embedding_size", "vocabulary_size", "embedding_bits"])
def test_a_dimension_that_a_student_type_lacks_is_named(registered: Any, name: str) -> None:
    CHECKS["fields"](STUDENTS["bag"])
    del DIMENSIONS[f"bag.{name}"]
    with pytest.raises(AssertionError, match=f"bag has no dimension for {name}"):
        CHECKS["fields"](STUDENTS["bag"])


@student
def test_a_term_without_a_prior_is_named(registered: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registered.BagStudent, "latency_prior", {"call": 0.01})
    with pytest.raises(KeyError, match="channels"):
        CHECKS["costs"](STUDENTS["bag"])


@dimension
def test_a_form_that_a_bilstm_cannot_have_is_refused(registered: Any) -> None:
    DIMENSIONS["bilstm.spectrum"] = replace(
        registered.SPECTRUM, students=("bilstm",), per_layer=False, parameter="bilstm_spectrum"
    )
    with pytest.raises(InputError, match="must be dense or sparse"):
        CHECKS["graph"](STUDENTS["bilstm"])
