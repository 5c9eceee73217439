"""The texts around the main graph: final values at the ends of the lines, ranges over the seeds, and the legend."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from normreg.analysis.quantities import Quantity
from normreg.config.factors import NORMS, PENALTIES
from normreg.figures import style
from normreg.figures.axes import spread_out
from normreg.figures.inputs import Course, Drawn
from normreg.figures.style import Look

ROW = 0.24  # height of a row of the legend; inches, like all lengths here
_SIZE = 9.0  # of labels, points
_STRIP = 0.1  # between two ranges
_GAP = 0.18  # between labels
_LEADER = 0.26  # from the panel to a label's sample of its line
_SAMPLE = 0.38  # length of the sample of a line
_LEGEND_SAMPLE = 0.5


def finals_width(courses: Sequence[Course], labels: Sequence[str]) -> float:
    """The width that `draw_finals` needs."""
    return _strip(courses) + _LEADER + _SAMPLE + 0.1 + max(style.text_width(label, _SIZE) for label in labels) + 0.12


def final_labels(courses: Sequence[Course], looks: dict[str, Look], quantity: Quantity) -> list[str]:
    """Final value and name of each course. If it ends before the study's last epoch, its last epoch as well."""
    last = max(int(course.epochs[-1]) for course in courses)
    labels = []
    for course in courses:
        early = "" if course.epochs[-1] == last else f" (epoch {course.epochs[-1]})"
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
    height = _inches(axes)[1]
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
    head = "range and median at the end" if left else "at the last epoch"
    axes.text(0.04 if left else x, height + 0.09, head, size=9.5, color=style.GREY, va="baseline")


def _draw_ranges(axes: Axes, courses: Sequence[Course], looks: dict[str, Look], limits: tuple[float, float]) -> None:
    """Draws the ranges over the seeds at the last epoch side by side, because the lines' bands hide each other."""
    height = axes.get_ylim()[1]
    for number, course in enumerate(courses):
        ends = np.array([course.low[-1], course.final, course.high[-1]])
        low, middle, high = (ends - limits[0]) / (limits[1] - limits[0]) * height
        if high < 0 or low > height:
            continue
        look = looks[course.condition]
        x = _STRIP * (number + 1)
        axes.plot([x, x], [max(low, 0), min(high, height)], color=look.color, linewidth=2, alpha=0.55)
        if 0 <= middle <= height:
            axes.plot([x], [middle], **look.line())


def _inches(axes: Axes) -> tuple[float, float]:
    """Sets the data coordinates of `axes` to inches, hides its frame, and returns its width and height."""
    assert isinstance(axes.figure, Figure)
    width, height = axes.figure.get_size_inches() * axes.get_position().size
    axes.set_xlim(0, width)
    axes.set_ylim(0, height)
    axes.set_axis_off()
    return float(width), float(height)


def legend_rows(courses: Sequence[Drawn]) -> dict[str, int]:
    """How many rows of the legend each norm needs: the number of conditions of its most frequent penalty."""
    rows = {}
    for norm in NORMS:
        penalties = [course.penalty for course in courses if course.norm == norm]
        if penalties:
            rows[norm] = max(penalties.count(penalty) for penalty in penalties)
    return rows


def _columns(courses: Sequence[Drawn]) -> list[str]:
    return [penalty for penalty in PENALTIES if any(course.penalty == penalty for course in courses)]


def _column_width(looks: dict[str, Look]) -> float:
    return max(1.3, _LEGEND_SAMPLE + 0.3 + max(style.text_width(look.name, _SIZE) for look in looks.values()))


def _head_width(courses: Sequence[Drawn]) -> float:
    """Width of the names of the norms."""
    return 0.25 + max(style.text_width(NORMS[norm].name, _SIZE) for norm in {course.norm for course in courses})


def legend_width(courses: Sequence[Drawn], looks: dict[str, Look]) -> float:
    """The width that `draw_legend` needs."""
    return _head_width(courses) + len(_columns(courses)) * _column_width(looks)


def draw_legend(axes: Axes, courses: Sequence[Drawn], looks: dict[str, Look], rows: dict[str, int]) -> None:
    """Draws the legend as a grid: one column per penalty, one block of rows per norm."""
    height = _inches(axes)[1]
    columns = _columns(courses)
    start, step = _head_width(courses), _column_width(looks)
    axes.text(0, height - ROW / 2, "penalty", color=style.GREY, va="center")
    for column, penalty in enumerate(columns):
        look = PENALTIES[penalty]
        axes.text(start + column * step, height - ROW / 2, look.label, color=look.color, weight="bold", va="center")
    y = height - ROW
    for norm, lines in rows.items():
        axes.text(0, y - ROW / 2, NORMS[norm].name, color="#333333", va="center")
        for column, penalty in enumerate(columns):
            cell = [course for course in courses if (course.penalty, course.norm) == (penalty, norm)]
            for line, course in enumerate(cell):
                _sample(axes, looks[course.condition], start + column * step, y - ROW * (line + 0.5))
        y -= ROW * lines


def _sample(axes: Axes, look: Look, x: float, y: float) -> None:
    """Draws a piece of the line with its marker, and its name if penalty and norm are not enough to identify it."""
    axes.add_line(Line2D([x, x + _LEGEND_SAMPLE / 2, x + _LEGEND_SAMPLE], [y] * 3, markevery=[1], **look.line()))
    if look.name:
        axes.text(x + _LEGEND_SAMPLE + 0.1, y, look.name, color=look.text_color, size=_SIZE, va="center")
