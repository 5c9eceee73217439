"""The horizontal axis of figures over epochs. Runs of very different length are compared by the share of each run."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from normreg.report.axes import end_length, epoch_ticks
from normreg.report.inputs import Course

_RATIO = 3  # a run that is longer than the shortest by this factor, and they all are drawn by their shares


@dataclass(frozen=True)
class Time:
    """An axis of epochs, or of the share of each run in percent.

    Attributes:
        shares: whether it is the share.
        shortest: epochs of the shortest run.
        longest: epochs of the longest run.
    """

    shares: bool
    shortest: int
    longest: int

    @classmethod
    def of(cls, courses: Sequence[Course]) -> "Time":
        """The axis that fits these courses. The last epoch of a run is always measured."""
        lengths = [int(course.epochs[-1]) for course in courses]
        return cls(max(lengths) >= _RATIO * min(lengths), min(lengths), max(lengths))

    @property
    def start(self) -> int:
        """Where the axis begins."""
        return 0 if self.shares else 1

    @property
    def last(self) -> int:
        """Where the axis ends."""
        return 100 if self.shares else self.longest

    @property
    def end(self) -> int:
        """Where the last epochs begin."""
        return self.last + (0 if self.shares else 1) - end_length(self.last)

    @property
    def label(self) -> str:
        """What the axis shows."""
        lengths = f"{self.shortest} to {self.longest} epochs"
        return f"share of the run (%), {lengths}" if self.shares else "epoch"

    @property
    def everything(self) -> str:
        """The name of the whole axis."""
        return "whole runs" if self.shares else "all epochs"

    @property
    def ending(self) -> str:
        """The name of the last epochs."""
        if self.shares:
            return f"last {self.last - self.end} %"
        return f"epoch {self.last}" if self.end == self.last else f"epochs {self.end}–{self.last}"

    def places(self, course: Course) -> np.ndarray:
        """Where the epochs of a course are on the axis, (E,)."""
        return course.epochs / course.epochs[-1] * 100 if self.shares else course.epochs

    def ticks(self, first: int, most: int = 13) -> list[int]:
        """Ticks from `first` to the end of the axis."""
        return epoch_ticks(first, self.last, most)
