"""Every objective and every constraint has all its parts, and they agree with the problem and the command line."""

import string
from dataclasses import fields, replace

import pytest
import typer

from autocompress.cli.main import app
from autocompress.domain.figures import Figures, Latency, Quality
from autocompress.domain.problem import LATENCY_STATISTICS, Constraints, Problem, Target
from autocompress.system.errors import InputError
from objectives import CONSTRAINTS, DEFAULT, OBJECTIVES
from objectives.constraint import AT_LEAST, AT_MOST, ConstraintType
from objectives.latency import LATENCY

ASKED = {"max_latency_ms": 2.5, "max_size_bytes": 10**7, "max_memory_bytes": 10**8, "max_drop": 1.0, "min_quality": 0.8}
TEACHER = 0.9


def figures(scale: float) -> Figures:
    """Figures whose costs grow with ``scale`` and whose quality falls with it."""
    quality = Quality("accuracy", 0.9 / scale, (0.0, 1.0), 2000)
    latency = Latency(scale, 0.9 * scale, 1.5 * scale, (scale, scale), 200, 1.0)
    return Figures(quality, latency, round(1e6 * scale), round(1e7 * scale))


def bound_by(kind: ConstraintType, statistic: str = "p95"):
    problem = Problem(
        target=Target(latency_statistic=statistic), constraints=Constraints(**{kind.field: ASKED[kind.field]})
    )
    return kind.constraint(problem, TEACHER)


def test_every_field_of_a_problems_constraints_has_one_entry():
    assert list(CONSTRAINTS) == [kind.field for kind in CONSTRAINTS.values()]
    assert set(CONSTRAINTS) == {field.name for field in fields(Constraints)} == set(ASKED)
    names = [kind.name for kind in CONSTRAINTS.values()]
    assert len(set(names)) == len(names)


def test_objectives_stand_under_their_names_and_one_of_those_searched_is_a_quality():
    assert all(name == objective.name for name, objective in OBJECTIVES.items())
    assert sum(objective.is_quality for objective in DEFAULT) == 1
    assert all(objective.is_quality == (objective.direction == "maximize") for objective in OBJECTIVES.values())


@pytest.mark.parametrize("name", OBJECTIVES)
def test_an_objective_reads_a_number_that_tells_better_from_worse(name: str):
    objective = OBJECTIVES[name]
    better, worse = objective.value(figures(1.0)), objective.value(figures(2.0))
    assert isinstance(better, float)
    assert better > worse if objective.direction == "maximize" else better < worse
    assert objective.unit.show(better) and objective.unit.name


@pytest.mark.parametrize("field", CONSTRAINTS)
class TestConstraint:
    def test_it_bounds_a_known_objective_on_its_worse_side(self, field: str):
        kind = CONSTRAINTS[field]
        assert kind.objective in OBJECTIVES.values()
        assert kind.side is (AT_LEAST if kind.objective.direction == "maximize" else AT_MOST)

    def test_its_option_is_one_of_the_search_command(self, field: str):
        command = typer.main.get_command(app).commands["search"]  # type: ignore[attr-defined]
        assert CONSTRAINTS[field].option in {option for parameter in command.params for option in parameter.opts}

    @pytest.mark.parametrize("statistic", LATENCY_STATISTICS)
    def test_a_value_is_a_violation_beyond_the_bound_and_none_at_it(self, field: str, statistic: str):
        kind = CONSTRAINTS[field]
        constraint = bound_by(kind, statistic)
        assert constraint.violation(figures(1.0)) > 0 or constraint.violation(figures(100.0)) > 0
        at_bound = replace(constraint, bound=constraint.value(figures(1.7)))
        assert at_bound.violation(figures(1.7)) <= 0
        assert at_bound.violation(figures(1.0)) <= 0 < at_bound.violation(figures(2.0))

    def test_it_is_named_shown_and_advised_as_its_option_takes_it(self, field: str):
        kind = CONSTRAINTS[field]
        constraint = bound_by(kind)
        assert constraint.name == kind.name and kind.option in constraint.label
        known = {name for _, name, _, _ in string.Formatter().parse(kind.label) if name}
        assert known <= {"option", "asked", "statistic"} and "{" not in constraint.label
        assert constraint.show(constraint.bound) and constraint.admitting(constraint.bound)

    def test_it_is_set_where_the_problem_sets_it_only(self, field: str):
        assert CONSTRAINTS[field].constraint(Problem(), TEACHER) is None
        assert bound_by(CONSTRAINTS[field]) is not None


def test_the_name_of_failed_trials_is_taken():
    with pytest.raises(InputError, match="must not be named 'failed'"):
        ConstraintType("failed", "max_latency_ms", "--max-latency", "latency", LATENCY, AT_MOST)
