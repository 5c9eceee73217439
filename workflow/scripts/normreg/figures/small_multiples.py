"""One small panel per condition, all with the same scales. Its own line is in front of those of all others."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from normreg.analysis.quantities import QUANTITIES, Quantity
from normreg.figures import style
from normreg.figures.axes import epoch_ticks, scale_name, use_error_scale
from normreg.figures.inputs import Course
from normreg.figures.labels import final_labels
from normreg.figures.style import Look

_OTHERS = "#cdcdcd"
_WIDTH, _HEIGHT = 2.0, 1.7  # of a panel; inches, like all lengths here
_GAP = 0.2  # between panels, in addition to the text above each
_LINE = 0.165  # height of one line of that text
_LEFT, _BOTTOM, _RIGHT, _TOP = 0.86, 0.52, 0.2, 0.62


@matplotlib.rc_context(style.RC)
def draw(courses: Sequence[Course], title: str, metric: str) -> Figure:
    """Draws a grid of panels in the order of `courses`. Above each panel are its final value and name.

    Panels and lines have the name of their condition as label.

    Args:
        courses: one per condition.
        metric: a key of `QUANTITIES`, a column of metrics.csv.
    """
    quantity, looks = QUANTITIES[metric], style.looks(courses)
    columns = columns_for(len(courses))
    rows = -(-len(courses) // columns)
    head = _GAP + _LINE * (2 if any(len(course.seeds) > 1 for course in courses) else 1)
    wide = max(_WIDTH, 6.4 / columns)  # so that even a single panel has room for the title
    width = _LEFT + columns * wide + (columns - 1) * _GAP + _RIGHT
    height = _BOTTOM + rows * (_HEIGHT + head) + _TOP
    figure = style.new_figure(width, height)
    style.heading(figure, title, _subtitle(courses))
    bottom, top = _BOTTOM / height, 1 - (_TOP + head) / height
    left, right = _LEFT / width, 1 - _RIGHT / width
    gaps = {"wspace": _GAP / wide, "hspace": head / _HEIGHT}
    grid = figure.add_gridspec(rows, columns, left=left, right=right, bottom=bottom, top=top, **gaps)
    first = None
    for place, (course, label) in enumerate(zip(courses, final_labels(courses, looks, quantity), strict=True)):
        panel = figure.add_subplot(grid[divmod(place, columns)], label=course.condition, sharex=first, sharey=first)
        _draw_panel(panel, courses, course, looks[course.condition])
        _write_head(panel, course, looks[course.condition], quantity, label)
        lowest = place + columns >= len(courses)
        panel.tick_params(labelsize=8.5, labelleft=place % columns == 0, labelbottom=lowest)
        first = first or panel
    _share_scales(figure.axes[0], courses, quantity)
    scale = f"{quantity.title}\n{scale_name(quantity)}"
    figure.text(0.25 / width, (bottom + top) / 2, scale, rotation=90, ha="center", va="center")
    figure.text((left + right) / 2, 0.12 / height, "epoch", ha="center")
    return figure


def columns_for(panels: int) -> int:
    """Number of columns. Up to four panels are in one row. For more, four or three: what leaves fewer empty places.

    More than nine panels have four columns in any case: with three, the figure is much taller than a screen.
    """
    if panels <= 4:
        return panels
    return 4 if panels > 9 else min((4, 3), key=lambda columns: -panels % columns)


def _subtitle(courses: Sequence[Course]) -> str:
    """Says what is coloured and what is grey."""
    seeds = {course.seeds for course in courses}
    counts = {len(one) for one in seeds}
    if counts == {1}:
        line = f"coloured: seed {courses[0].seeds[0]}" if len(seeds) == 1 else "coloured: one seed"
    else:
        line = "coloured: median and range over the seeds" + (f" ({max(counts)} each)" if len(counts) == 1 else "")
    return line + ("; grey: the other conditions" if len(courses) > 1 else "")


def _draw_panel(axes: Axes, courses: Sequence[Course], course: Course, look: Look) -> None:
    """Draws `course` in front of all others. It is the only coloured line, so it needs no shade of its own."""
    for other in courses:
        if other is not course:
            axes.plot(other.epochs, other.middle, label=other.condition, color=_OTHERS, linewidth=0.9, zorder=1.5)
    color = look.text_color
    face = color if look.marker_face == look.color else look.marker_face
    strong = {"color": color, "markeredgecolor": color, "markerfacecolor": face, "linewidth": 2.0}
    last = len(course.epochs) - 1
    step = max(1, round(last / 6))
    marks = (last % step, step)  # the last epoch is one of them
    axes.plot(course.epochs, course.middle, label=course.condition, markevery=marks, zorder=3, **look.line() | strong)
    if len(course.seeds) > 1:
        axes.fill_between(course.epochs, course.low, course.high, color=color, alpha=0.2, linewidth=0, zorder=2.5)


def _write_head(axes: Axes, course: Course, look: Look, quantity: Quantity, label: str) -> None:
    """Writes `label` above a panel and, if there are several seeds, their range at the last epoch."""
    assert isinstance(axes.figure, Figure)
    several = len(course.seeds) > 1
    room = axes.get_position().width * axes.figure.get_figwidth()
    size = min(9.5, 9.5 * room / style.text_width(label, 9.5, bold=True))
    pad = 4 + (72 * _LINE if several else 0)
    axes.set_title(label, loc="left", size=size, weight="bold", color=look.text_color, pad=pad)
    if several:
        ends = f"range {quantity.write(course.low[-1])} to {quantity.write(course.high[-1])}"
        axes.annotate(ends, (0, 1), (0, 4), "axes fraction", "offset points", size=8.5, color=style.GREY)


def _share_scales(axes: Axes, courses: Sequence[Course], quantity: Quantity) -> None:
    """Sets the scales of one panel. All other panels share them."""
    last = max(int(course.epochs[-1]) for course in courses)
    use_error_scale(axes, quantity, np.concatenate([course.values.ravel() for course in courses]))
    axes.set_xlim(1 - 0.03 * last, last + 0.03 * last)
    axes.set_xticks(epoch_ticks(1, last, most=6))
