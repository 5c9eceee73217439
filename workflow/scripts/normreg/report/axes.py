"""Scales and ticks: arithmetic that several figures share. Knows nothing about conditions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullLocator

from normreg.analysis.quantities import Quantity
from normreg.report.job import Course

_MANTISSAS = (1.0, 5.0, 2.0, 3.0, 7.0, 1.5, 4.0, 2.5, 6.0, 8.0)  # the first ones are preferred
_RATIO = 3  # a run that is longer than the shortest by this factor, and they all are drawn by their shares

Transform = Callable[[np.ndarray], np.ndarray]


def error_scale(quantity: Quantity, values: np.ndarray) -> tuple[Transform, Transform]:
    """A logarithmic scale of the error, and its inverse. Doubling an error is the same distance everywhere.

    The error is 100 - accuracy, or the loss itself. If an error is zero, half of the smallest other error (at most 0.1)
    is added to all errors, because the logarithm of zero is not on the scale.
    """
    sign, perfect = (-1, 100.0) if quantity.percent else (1, 0.0)
    errors = perfect + sign * values
    positive = errors[errors > 0]
    shift = 0.0
    if errors.min() <= 0:
        shift = min(0.1, float(positive.min()) / 2) if positive.size else 0.1

    def forward(y: np.ndarray) -> np.ndarray:
        error = perfect + sign * np.asarray(y, dtype=float)
        return sign * np.log10(np.maximum(error + shift, 1e-12))

    def inverse(t: np.ndarray) -> np.ndarray:
        error = 10.0 ** (sign * np.asarray(t, dtype=float)) - shift
        return sign * (error - perfect)

    return forward, inverse


def scale_name(quantity: Quantity) -> str:
    """The name of the error scale."""
    return "errors on a log scale" if quantity.percent else "log scale"


def use_error_scale(axes: Axes, quantity: Quantity, values: np.ndarray) -> None:
    """Sets the error scale on `axes`, so that all `values` (finite) are inside, with plain decimal ticks."""
    values = np.asarray(values, dtype=float)
    forward, inverse = error_scale(quantity, values)
    low, high = np.sort(forward(np.array([values.min(), values.max()])))
    margin = max(0.05 * (high - low), 0.02)
    ends = np.sort(inverse(np.array([low - margin, high + margin])))
    axes.set_yscale("function", functions=(forward, inverse))
    axes.set_ylim(float(ends[0]), float(ends[1]))
    ticks = _error_ticks(quantity, forward, ends)
    axes.set_yticks(ticks, [f"{tick:.6g}" for tick in ticks])
    axes.yaxis.set_minor_locator(NullLocator())


def _error_ticks(quantity: Quantity, forward: Transform, ends: np.ndarray) -> list[float]:
    """Round numbers between the two `ends`, at least 1/16 of the axis apart."""
    place = forward(ends)
    span = abs(float(place[1] - place[0]))
    ticks: list[float] = [100.0 if quantity.percent else 0.0]  # kept only if it is between the ends
    for mantissa in _MANTISSAS:
        for power in range(2, -6, -1):
            error = mantissa * 10.0**power
            tick = round(100 - error if quantity.percent else error, 8)
            apart = np.abs(forward(np.array([tick])) - forward(np.array(ticks)))
            if ends[0] <= tick <= ends[1] and apart.min() >= span / 16:
                ticks.append(tick)
    inside = sorted(tick for tick in ticks if ends[0] <= tick <= ends[1])
    if len(inside) >= 4:
        return inside
    linear = MaxNLocator(6).tick_values(float(ends[0]), float(ends[1]))
    return [round(float(tick), 8) for tick in linear if ends[0] <= tick <= ends[1]]


def end_length(epochs: int) -> int:
    """How many epochs count as the end: a fifth of all. If that is fewer than five: five, but at most half of all."""
    return max(round(epochs / 5), min(5, (epochs + 1) // 2))


def epoch_ticks(first: int, last: int, most: int = 13) -> list[int]:
    """Epochs for the ticks of an axis: the last one, round numbers not too near to it, and epoch 1 if it is shown."""
    step = next(s for s in (1, 5, 10, 20, 50, 100, 200, 500, 1000, 10**6) if (last - first) / s < most)
    ticks = [e for e in range(first, last) if e % step == 0 and last - e >= 0.6 * step]
    if first == 1:
        ticks = [1, *(e for e in ticks if e - 1 >= 0.6 * step)]
    return sorted({*ticks, last})


def common_range(low: np.ndarray, high: np.ndarray, finals: np.ndarray, better_up: bool) -> tuple[float, float]:
    """The range in which most of the lines end, for a panel that enlarges the end.

    Lines are added one by one, the best final value first. The first half of the lines, and at least two, are always
    added. A later line that would make the range more than four times as large is added with its final value only. If
    the final value alone would do the same, the line is left out.

    Args:
        low, high: lowest and highest value of each line over the epochs shown, (K,).
        finals: final value of each line, (K,).
    """
    order = np.argsort(-finals if better_up else finals, kind="stable")
    bottom, top = float(low[order[0]]), float(high[order[0]])
    for rank, line in enumerate(order[1:], start=2):
        limit = 4 * (top - bottom)
        needed = rank <= max(2, (len(order) + 1) // 2)
        for lowest, highest in ((low[line], high[line]), (finals[line], finals[line])):
            wider = min(bottom, float(lowest)), max(top, float(highest))
            if needed or wider[1] - wider[0] <= limit:
                bottom, top = wider
                break
    return bottom, top


@dataclass(frozen=True)
class Time:
    """A horizontal axis of epochs. Runs of very different length are compared by the share of each run, in percent.

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
        return f"share of the run (%), {self.shortest} to {self.longest} epochs" if self.shares else "epoch"

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

    def use(self, axes: Axes, room: float, most: int = 13) -> None:
        """Sets the whole axis, with `room` at both ends as a share of it."""
        axes.set_xlim(self.start - room * self.last, self.last + room * self.last)
        axes.set_xticks(epoch_ticks(self.start, self.last, most))
