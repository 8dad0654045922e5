"""Propose the next configuration: queued designs first, then the surrogate's or a sampler's, never a known one."""

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
from autocompress.trials.settings import SearchSettings

DUPLICATES_IN_A_ROW = 20
RANDOM_TRIES = 1000


class Proposer:
    """Asks Optuna for trials; what it asks depends on the trials in the ledger and the seed alone.

    ``on_duplicate(number, first)`` is called for a trial whose configuration trial ``first`` already has. After
    ``DUPLICATES_IN_A_ROW`` of them the next configuration is drawn at random; if ``RANDOM_TRIES`` draws give none that
    is not known, the space is taken to be exhausted.
    """

    def __init__(self, ledger: Ledger, settings: SearchSettings, on_duplicate: Callable[[int, int], None]) -> None:
        self._ledger, self._settings = ledger, settings
        self._space = settings.space
        self._on_duplicate = on_duplicate
        self._queue: deque[Configuration] = deque()

    def enqueue(self, configurations: Iterable[Configuration]) -> None:
        """Queue designs to try before the sampler is asked; InputError if one is outside the space.

        Known ones are skipped when their turn comes.
        """
        queue = list(configurations)
        for configuration in queue:
            self._space.parameters(configuration)
        self._queue = deque(queue)

    def next(self) -> OpenTrial | None:
        """Ask for the next trial and store its configuration; None if the space is exhausted.

        Raises StudyError if the study is of another search space.
        """
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
        rng = np.random.default_rng(self._ask_seed())
        for _ in range(RANDOM_TRIES):
            configuration = self._space.sample(rng)
            if not self._is_known(configuration):
                return self._add(configuration)
        return None

    def _expected(self) -> Point | None:
        """Return what the surrogate would measure next, with the figures that it expects.

        None if there is no surrogate, it has no proposal, or its models cannot be fitted: a sampler is asked then.
        """
        surrogate, ledger = self._settings.surrogate, self._ledger
        if surrogate is None:
            return None
        pending = [trial.configuration for trial in ledger.open_trials()]
        try:
            return surrogate.propose(ledger.measured(), pending, self._is_known, self._ask_seed())
        except (ArithmeticError, ValueError, np.linalg.LinAlgError):
            return None

    def _ask_seed(self) -> int:
        return ask_seed(self._settings.seed, self._ledger.asked)

    def _is_known(self, configuration: Configuration) -> bool:
        return self._ledger.first(configuration_digest(configuration)) is not None

    def _next_queued(self) -> Configuration | None:
        while self._queue:
            configuration = self._queue.popleft()
            if not self._is_known(configuration):
                return configuration
        return None

    def _add(self, wanted: Configuration, expected: Point | None = None) -> OpenTrial:
        """Ask for a given configuration that is not known yet."""
        try:
            return self._ledger.add(self._space, wanted, expected)
        except ValueError as error:
            raise _other_space(error) from error

    def _ask(self) -> OpenTrial | None:
        """Ask the sampler; None if its configuration is known, and the trial then a duplicate."""
        study = self._ledger.study
        study.sampler = fresh_sampler(self._settings.sampler, self._settings.seed, self._ledger.asked)
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
