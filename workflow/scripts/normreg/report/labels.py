"""The texts at the end of the lines of the main graph: final values, names and ranges over the seeds."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from normreg.analysis.quantities import Quantity
from normreg.report import style
from normreg.report.axes import in_inches, spread_out
from normreg.report.inputs import Course, band_name
from normreg.report.looks import Look
from normreg.report.timeline import Time

_SIZE = 9.0  # of labels, points
_STRIP = 0.1  # between two ranges; inches, like all lengths here
_GAP = 0.18  # between labels
_LEADER = 0.26  # from the panel to a label's sample of its line
_SAMPLE = 0.38  # length of the sample of a line


def finals_width(courses: Sequence[Course], labels: Sequence[str]) -> float:
    """The width that `draw_finals` needs."""
    return _strip(courses) + _LEADER + _SAMPLE + 0.1 + max(style.text_width(label, _SIZE) for label in labels) + 0.12


def final_labels(courses: Sequence[Course], looks: dict[str, Look], quantity: Quantity) -> list[str]:
    """Final value and name of each course. If it ends before the axis of epochs does, its last epoch as well."""
    time = Time.of(courses)
    labels = []
    for course in courses:
        early = "" if time.places(course)[-1] == time.last else f" (epoch {course.epochs[-1]})"
        labels.append(f"{quantity.write(course.final)}  {looks[course.condition].label}{early}")
    return labels


def _strip(courses: Sequence[Course]) -> float:
    """Width of the ranges at the end. It is 0 if every course has one seed."""
    return _STRIP * len(courses) + 0.1 if any(len(course.seeds) > 1 for course in courses) else 0.0


def draw_finals(
    axes: Axes, ending: Axes, courses: Sequence[Course], looks: dict[str, Look], labels: Sequence[str]
) -> None:
    """Writes the labels right of the enlarged end, and joins each to the end of its line.

    A label whose line ends outside the scale has an arrow instead.
    """
    height = in_inches(axes)[1]
    bottom, top = ending.get_ylim()
    ends = np.array([(course.final - bottom) / (top - bottom) * height for course in courses])
    places = spread_out(np.clip(ends, 0, height), _GAP, 0.07, height - 0.07)
    left = _strip(courses)
    x = left + _LEADER
    for course, label, end, place in zip(courses, labels, ends, places, strict=True):
        look = looks[course.condition]
        if 0 <= end <= height:
            axes.plot([left + 0.02, left + 0.24], [end, place], color=look.color, linewidth=0.7)
        else:
            arrow = "↑" if end > height else "↓"
            axes.text(left + 0.14, place, arrow, color=look.text_color, ha="center", va="center")
        axes.plot([x, x + _SAMPLE / 2, x + _SAMPLE], [place] * 3, markevery=[1], clip_on=False, **look.line())
        axes.text(x + _SAMPLE + 0.1, place, label, color=look.text_color, size=_SIZE, va="center")
    if left:
        _draw_ranges(axes, courses, looks, (bottom, top))
    head = f"{band_name(courses)} and median at the end" if left else "at the last epoch"
    axes.text(0.04 if left else x, height + 0.09, head, size=9.5, color=style.GREY, va="baseline")


def _draw_ranges(axes: Axes, courses: Sequence[Course], looks: dict[str, Look], limits: tuple[float, float]) -> None:
    """Draws the ranges over the seeds at the last epoch side by side, because the lines' bands hide each other."""
    height = axes.get_ylim()[1]
    for number, course in enumerate(courses):
        bottom, top = course.band
        ends = np.array([bottom[-1], course.final, top[-1]])
        low, middle, high = (ends - limits[0]) / (limits[1] - limits[0]) * height
        if high < 0 or low > height:
            continue
        look = looks[course.condition]
        x = _STRIP * (number + 1)
        axes.plot([x, x], [max(low, 0), min(high, height)], color=look.color, linewidth=2, alpha=0.55)
        if 0 <= middle <= height:
            axes.plot([x], [middle], **look.line())
