"""The main graph: one metric of all conditions of a study, over all epochs, and the last epochs enlarged."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from normreg.analysis.quantities import QUANTITIES, Quantity
from normreg.figures import style
from normreg.figures.axes import common_range, end_length, epoch_ticks, scale_name, use_error_scale
from normreg.figures.inputs import Course
from normreg.figures.labels import ROW, draw_finals, draw_legend, final_labels, finals_width, legend_rows, legend_width
from normreg.figures.style import Look

_WIDTH = 9.6  # inches, like all lengths here; wider figures are shown smaller in the report
_PANELS = 5.1  # least width of both panels together
_LEFT, _BETWEEN = 0.72, 0.58  # left of each panel, for its ticks


@matplotlib.rc_context(style.RC)
def draw(courses: Sequence[Course], title: str, metric: str) -> Figure:
    """Draws all `courses` in one panel, their last epochs again in a second one, and a legend below both.

    The labels of the axes are "all epochs", "last epochs", "final values" and "legend". Each line has its condition's
    name as label.

    Args:
        courses: one per condition.
        metric: a key of `QUANTITIES`, a column of metrics.csv.
    """
    quantity = QUANTITIES[metric]
    looks = style.looks(courses)
    rows = legend_rows(courses)
    legend_height = ROW * (1 + sum(rows.values())) + 0.1
    labels = final_labels(courses, looks, quantity)
    gutter = finals_width(courses, labels)
    width = max(_LEFT + _BETWEEN + _PANELS + gutter, legend_width(courses, looks) + 0.4, _WIDTH)
    height = 5.2 + legend_height
    figure = style.new_figure(width, height)
    style.heading(figure, title, _subtitle(courses))
    bottom, top = legend_height + 0.6, height - 0.95
    panels = width - gutter - _LEFT - _BETWEEN
    everything = _place(figure, "all epochs", _LEFT, bottom, 0.6 * panels, top - bottom)
    ending = _place(figure, "last epochs", width - gutter - 0.4 * panels, bottom, 0.4 * panels, top - bottom)
    final = _place(figure, "final values", width - gutter, bottom, gutter, top - bottom)
    legend = _place(figure, "legend", 0.2, 0.08, width - 0.4, legend_height)
    _draw_all(everything, courses, looks, quantity)
    _draw_end(ending, courses, looks, quantity)
    everything.axvspan(*ending.get_xlim(), color="#f3f0e6", zorder=0, linewidth=0)
    draw_finals(final, ending, courses, looks, labels)
    draw_legend(legend, courses, looks, rows)
    return figure


def _place(figure: Figure, name: str, left: float, bottom: float, width: float, height: float) -> Axes:
    """Adds axes with the label `name`. Position and size are in inches."""
    full_width, full_height = figure.get_size_inches()
    box = (left / full_width, bottom / full_height, width / full_width, height / full_height)
    return figure.add_axes(box, label=name)


def _subtitle(courses: Sequence[Course]) -> str:
    """Says what a line shows: one seed, or the median over several seeds."""
    counts = sorted({len(course.seeds) for course in courses})
    if counts == [1]:
        seeds = sorted({course.seeds[0] for course in courses})
        return f"seed {seeds[0]}" if len(seeds) == 1 else "one seed per condition"
    number = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"median and range over {number} seeds"


def _draw_lines(axes: Axes, courses: Sequence[Course], looks: dict[str, Look], marks: int) -> None:
    """Draws lines with about `marks` markers each, shifted from line to line, so that no marker hides another.

    The more bands there are, the paler they are. Otherwise many of them hide the lines.
    """
    alpha = 0.5 / max(6, len(courses))
    for number, course in enumerate(courses):
        look = looks[course.condition]
        step = max(1, round(len(course.epochs) / marks))
        shift = number * step // len(courses) % step
        axes.plot(course.epochs, course.middle, label=course.condition, markevery=(shift, step), **look.line())
        if len(course.seeds) > 1:
            axes.fill_between(course.epochs, course.low, course.high, color=look.color, alpha=alpha, linewidth=0)


def _draw_all(axes: Axes, courses: Sequence[Course], looks: dict[str, Look], quantity: Quantity) -> None:
    last = max(int(course.epochs[-1]) for course in courses)
    _draw_lines(axes, courses, looks, marks=8)
    use_error_scale(axes, quantity, np.concatenate([course.values.ravel() for course in courses]))
    axes.set_xlim(1 - 0.02 * last, last + 0.02 * last)
    axes.set_xticks(epoch_ticks(1, last))
    axes.set_xlabel("epoch")
    axes.set_ylabel(quantity.title)
    axes.set_title(f"all epochs, {scale_name(quantity)}", loc="left", size=9.5, color=style.GREY)


def _draw_end(axes: Axes, courses: Sequence[Course], looks: dict[str, Look], quantity: Quantity) -> None:
    """Draws the last epochs on a linear scale that fits the range in which most lines end."""
    last = max(int(course.epochs[-1]) for course in courses)
    first = last + 1 - end_length(last)
    _draw_lines(axes, courses, looks, marks=10**6 if last - first < 12 else 10)
    shown = [course for course in courses if course.epochs[-1] >= first] or list(courses)
    low = np.array([course.low[course.epochs >= first].min() for course in shown])
    high = np.array([course.high[course.epochs >= first].max() for course in shown])
    bottom, top = common_range(low, high, np.array([course.final for course in shown]), quantity.better_up)
    margin = max(0.05 * (top - bottom), 10.0**-quantity.digits)
    axes.set_ylim(bottom - margin, top + margin)
    axes.set_xlim(first - 0.04 * (last - first) - 0.1, last + 0.04 * (last - first) + 0.1)
    axes.set_xticks(epoch_ticks(first, last, most=10))
    axes.yaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10]))
    axes.ticklabel_format(axis="y", useOffset=False, style="plain")
    axes.set_xlabel("epoch")
    axes.set_facecolor("#fcfbf7")
    title = f"epoch {last}" if first == last else f"epochs {first}–{last}"
    axes.set_title(f"{title}, enlarged", loc="left", size=9.5, color=style.GREY)
