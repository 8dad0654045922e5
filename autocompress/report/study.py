"""A study on disk as Python sees it: its front, a point picked from it, its plot and its exports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from autocompress.report.gather import front_point, gather
from autocompress.report.picks import pick_point
from autocompress.report.summary import FrontPoint, StudySummary
from autocompress.study.shipped import MODEL, shipped_folder, shipped_results
from autocompress.study.store import State, StudyStore
from autocompress.system.command_line import command_line
from autocompress.system.errors import InputError

if TYPE_CHECKING:
    from autocompress.report.export import ExportSource


@dataclass(frozen=True)
class Study:
    """Reads a study on disk, which may be running; nothing here changes it.

    ``autocompress.open_study`` and ``autocompress.search`` return one. What is read is read anew at each access.

    Example:
        >>> study = autocompress.open_study("whole")
        >>> study.name, study.state, len(study.front)
        ('whole', 'finished', 9)
        >>> [point.trial for point in study.front][:3]
        [23, 30, 16]
        >>> study.pick("smallest").figures.size_bytes
        8875
        >>> study.point(99)
        Traceback (most recent call last):
        autocompress.system.errors.InputError: a trial must have been measured, but study 'whole' has no such trial \
99; see autocompress show whole
    """

    store: StudyStore

    @property
    def name(self) -> str:
        """The study's name."""
        return self.store.name

    @property
    def folder(self) -> Path:
        """The study's folder."""
        return self.store.folder

    @property
    def summary(self) -> StudySummary:
        """All figures of the study as they are now; StudyError if a file of it is damaged."""
        return gather(self.store)

    @property
    def front(self) -> tuple[FrontPoint, ...]:
        """The Pareto front, in order of mean latency, the fastest first."""
        return tuple(self.summary.front)

    @property
    def state(self) -> State:
        """``running``, ``interrupted`` or ``finished``."""
        return self.store.state()

    def pick(self, pick: str = "close") -> FrontPoint:
        """Pick a point of the front by rule, among the feasible ones where there are any.

        Args:
            pick: ``close`` (the fastest within 1 point of the teacher's validation quality), ``knee``, ``fastest``,
                ``smallest`` or ``best``.

        Raises:
            InputError: There is no such rule.
            StudyError: Nothing has been measured yet.
        """
        return pick_point(self.summary, pick, self._command("resume"))

    def point(self, trial: int) -> FrontPoint:
        """Read one trial as it ships, whether it is on the front or not; InputError if it was not measured."""
        on_front = [point for point in self.front if point.trial == trial]
        if on_front:
            return on_front[0]
        found = [result for result in shipped_results(self.store) if result.trial == trial]
        if not found:
            raise InputError(
                f"a trial must have been measured, but study {self.name!r} has no such trial {trial}; "
                f"see {self._command('show')}"
            )
        return front_point(found[0], self.store)

    def export(
        self, directory: str | Path, *, trial: int | None = None, pick: str = "close", force: bool = False
    ) -> Path:
        """Write one model as a folder that serves without autocompress, and return that folder.

        It holds model.onnx, the tokenizer, manifest.json and a README with the lines that serve it.

        Args:
            directory: The folder to write, new or empty.
            trial: The trial's number; None lets ``pick`` choose.
            pick: A rule of ``Study.pick``.
            force: Replace an earlier export in the folder.

        Raises:
            InputError: The folder is not empty (with ``force``: of something else), or there is no such trial.
            StudyError: The study's files are not those that were measured.
            StorageError: The folder cannot be written.
        """
        from autocompress.report.export import write_export

        summary = self.summary
        point = self.pick(pick) if trial is None else self.point(trial)
        return write_export(self.source(point), summary, Path(directory), force=force)

    def source(self, point: FrontPoint) -> ExportSource:
        """Collect the files and facts that an export of ``point`` is made from."""
        from autocompress.report.export import ExportSource
        from autocompress.study.prepared import Prepared

        results = {result.trial: result for result in shipped_results(self.store)}
        prepared = Prepared(self.folder)
        return ExportSource(
            point=point,
            model=shipped_folder(self.store, results[point.trial]) / MODEL,
            model_digest=results[point.trial].artifact_digest,
            checkpoint=prepared.checkpoint,
            task=prepared.data.task,
            max_length=prepared.data.max_length,
            fingerprint=results[point.trial].fingerprint,
        )

    def plot(self, path: str | Path) -> Path:
        """Draw quality against latency to a .png or .svg file and return its path.

        InputError for another suffix, or if nothing has been measured yet.
        """
        from autocompress.report.plot import write_plot

        return write_plot(self.summary, Path(path))

    def _command(self, command: str) -> str:
        return command_line(command, self.name, self.folder.parent)
