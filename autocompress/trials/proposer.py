"""Which configuration comes next: queued designs, then the surrogate or a sampler, and never one that is known."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

import numpy as np
import optuna

from autocompress.students.configuration import Configuration, configuration_digest
from autocompress.system.errors import InputError, StudyError
from autocompress.trials.history import Point
from autocompress.trials.ledger import Ledger, OpenTrial
from autocompress.trials.samplers import ask_seed, fresh_sampler
from autocompress.trials.surrogate import Surrogate
from search_spaces import SearchSpace

DUPLICATES_IN_A_ROW = 20
RANDOM_TRIES = 1000


class Proposer:
    """Asks Optuna for trials. What it asks depends on the study's trials and the seed alone, not on its own past.

    A duplicate is handed to ``on_duplicate(number, first)``. After 20 of them in a row the next configuration is
    drawn at random, and if none is new in 1,000 draws the space is taken for exhausted.
    """

    def __init__(
        self,
        ledger: Ledger,
        space: SearchSpace,
        sampler: str,
        seed: int,
        on_duplicate: Callable[[int, int], None],
        surrogate: Surrogate | None = None,
    ) -> None:
        self._ledger = ledger
        self._space = space
        self._sampler = sampler
        self._seed = seed
        self._on_duplicate = on_duplicate
        self._surrogate = surrogate
        self._queue: deque[Configuration] = deque()

    def enqueue(self, configurations: Iterable[Configuration]) -> None:
        """Queue designs to try before the sampler is asked; known ones are dropped when their turn comes."""
        queue = list(configurations)
        for configuration in queue:
            self._space.parameters(configuration)
        self._queue = deque(queue)

    def next(self) -> OpenTrial | None:
        """The next trial, asked for and registered; None if the space is exhausted."""
        for _ in range(DUPLICATES_IN_A_ROW):
            queued = self._next_queued()
            expected = self._expected() if queued is None else None
            if expected is not None:
                return self._add(expected.configuration, expected)
            if queued is not None:
                return self._add(queued)
            found = self._ask()
            if found is not None:
                return found
        rng = np.random.default_rng(ask_seed(self._seed, self._ledger.asked))
        for _ in range(RANDOM_TRIES):
            configuration = self._space.sample(rng)
            if not self._is_known(configuration):
                return self._add(configuration)
        return None

    def _expected(self) -> Point | None:
        """What the surrogate would measure next; None, and the next is drawn at random, where its models do not fit."""
        if self._surrogate is None:
            return None
        ledger = self._ledger
        pending = [trial.configuration for trial in ledger.open_trials()]
        seed = ask_seed(self._seed, ledger.asked)
        try:
            return self._surrogate.propose(ledger.measured(), pending, self._is_known, seed)
        except (ArithmeticError, ValueError, np.linalg.LinAlgError):
            return None

    def _is_known(self, configuration: Configuration) -> bool:
        return self._ledger.first(configuration_digest(configuration)) is not None

    def _next_queued(self) -> Configuration | None:
        while self._queue:
            configuration = self._queue.popleft()
            if not self._is_known(configuration):
                return configuration
        return None

    def _add(self, wanted: Configuration, expected: Point | None = None) -> OpenTrial:
        """Ask for a configuration that is not known yet."""
        try:
            return self._ledger.add(self._space, wanted, expected)
        except ValueError as error:
            raise _other_space(error) from error

    def _ask(self) -> OpenTrial | None:
        """Ask the sampler; None if what it says is known."""
        study = self._ledger.study
        study.sampler = fresh_sampler(self._sampler, self._seed, self._ledger.asked)
        trial = study.ask()
        configuration = self._suggest(trial)
        first = self._ledger.register(trial, configuration)
        if first is None:
            return OpenTrial(trial.number, configuration)
        self._on_duplicate(trial.number, first)
        return None

    def _suggest(self, trial: optuna.Trial) -> Configuration:
        try:
            return self._space.suggest(trial)
        except (ValueError, InputError) as error:
            self._ledger.fail(trial.number)
            raise _other_space(error) from error


def _other_space(error: Exception) -> StudyError:
    return StudyError(
        f"the study must have been made with this search space, but its parameters do not fit: {error}; "
        f"start a new study"
    )
