"""One contract over every search space, on teachers of several shapes."""

import json

import numpy as np
import optuna

from autocompress.students.choice import RandomTrial
from autocompress.students.configuration import configuration_digest, configuration_from_json, configuration_to_json
from autocompress.students.transformer.configuration import TransformerConfiguration
from search_spaces import SearchSpace


def samples(space: SearchSpace, count: int = 30):
    rng = np.random.default_rng(0)
    return [space.sample(rng) for _ in range(count)]


def test_parameters_are_the_inverse_of_suggest(space):
    for configuration in [*space.initial_designs(), *samples(space)]:
        parameters = space.parameters(configuration)
        assert space.suggest(optuna.trial.FixedTrial(parameters)) == configuration


def test_json_round_trip(space):
    for configuration in [*space.initial_designs(), *samples(space)]:
        text = json.dumps(configuration_to_json(configuration))
        assert configuration_from_json(json.loads(text)) == configuration


def test_a_sample_asks_for_no_parameter_that_makes_no_sense(space):
    class Recording(RandomTrial):
        def __init__(self, rng):
            super().__init__(rng)
            self.names = []

        def suggest_categorical(self, name, choices):
            assert len(choices) > 1 and len(set(choices)) == len(choices)
            self.names.append(name)
            return super().suggest_categorical(name, choices)

        def suggest_float(self, name, low, high, *, step=None):
            self.names.append(name)
            return super().suggest_float(name, low, high, step=step)

    rng = np.random.default_rng(1)
    for _ in range(20):
        trial = Recording(rng)
        configuration = space.suggest(trial)
        assert len(set(trial.names)) == len(trial.names)
        assert set(trial.names) == set(space.parameters(configuration))


def test_anchors_are_distinct_and_start_with_uniform_int8(space):
    initial_designs = space.initial_designs()
    assert initial_designs[0] == TransformerConfiguration.uniform(space.shape, 8)
    assert len({configuration_digest(anchor) for anchor in initial_designs}) == len(initial_designs)


def test_nothing_is_larger_than_the_teacher(space):
    shape = space.shape
    for configuration in [*space.initial_designs(), *samples(space)]:
        assert configuration.student in space.students
        assert configuration.vocabulary_size <= shape.vocab_size
        if isinstance(configuration, TransformerConfiguration):
            assert configuration.hidden_size <= shape.hidden_size
            assert configuration.layers[0].index == 0
            for layer in configuration.layers:
                assert layer.index < shape.num_hidden_layers
                assert layer.num_attention_heads <= shape.num_attention_heads
                assert layer.intermediate_size <= shape.intermediate_size
            assert configuration.exit is None or space.exits
        else:
            assert configuration.embedding_size <= shape.embedding_size


def test_distributions_are_the_same_in_every_trial(space):
    """Optuna refuses a study whose choices change under one name; a stored study takes every sample and anchor."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    seen = {}
    for configuration in [*space.initial_designs(), *samples(space, 10)]:
        study.enqueue_trial(space.parameters(configuration))
        trial = study.ask()
        assert space.suggest(trial) == configuration
        for name, distribution in trial.distributions.items():
            assert seen.setdefault(name, distribution) == distribution


def test_samples_of_one_student_are_of_that_student(space):
    rng = np.random.default_rng(2)
    for student in space.students:
        assert all(space.sample(rng, student).student == student for _ in range(5))


def test_neighbours_are_points_of_the_space_of_the_same_student(space):
    rng = np.random.default_rng(3)
    for configuration in samples(space, 10):
        assert space.mutated(configuration, rng, 0.0) == configuration
        other = space.sample(rng, configuration.student)
        for rate in (0.1, 1.0):
            neighbour = space.mutated(configuration, rng, rate, other)
            assert neighbour in space and neighbour.student == configuration.student


def test_a_crossing_without_mutation_has_nothing_but_its_parents_values(space):
    rng = np.random.default_rng(4)
    one, two = (space.sample(rng, space.students[-1]) for _ in range(2))
    theirs = [space.parameters(parent) for parent in (one, two)]
    for _ in range(10):
        child = space.parameters(space.mutated(one, rng, 0.0, two))
        shared = [name for name in child if all(name in parent for parent in theirs)]
        assert all(child[name] in {parent[name] for parent in theirs} for name in shared)
