"""The main graph: one metric of all conditions of a study, over all epochs, and the last epochs enlarged."""

from collections.abc import Callable, Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from normreg.analysis.quantities import QUANTITIES, Quantity
from normreg.config.labels import Named
from normreg.report import style
from normreg.report.axes import Time, common_range, epoch_ticks, in_inches, scale_name, spread_out, use_error_scale
from normreg.report.job import Course, Job, band_name
from normreg.report.looks import MANY, Legend, Look
from normreg.report.looks import looks as find_looks

_WIDTH = 9.6  # inches, like all lengths here; wider figures are shown smaller in the report
_PANELS = 5.1  # least width of both panels together
_LEFT, _BETWEEN = 0.72, 0.58  # left of each panel, for its ticks
# Of the texts at the ends of the lines:
_SIZE = 9.0  # points
_STRIP = 0.1  # between two ranges
_GAP = 0.18  # between labels
_LEADER = 0.26  # from the panel to a label's sample of its line
_SAMPLE = 0.38  # length of the sample of a line


@matplotlib.rc_context(style.RC)
def draw(
    courses: Sequence[Course], title: str, metric: str, named: Mapping[str, Named] | None = None, diverged: str = ""
) -> Figure:
    """Draws all `courses` in one panel, their last epochs again in a second one, and a legend below both.

    The labels of the axes are "all epochs", "last epochs", "final values" and "legend". Each line has its condition's
    name as label. With more than `MANY` conditions there are no "final values" beside the lines: the legend has them.

    Args:
        courses: one per condition, at least one.
        title: of the figure.
        metric: a key of `QUANTITIES`, a column of metrics.csv.
        named: what the conditions are called, see `looks`.
        diverged: see `job.Courses`.
    """
    quantity, looks = QUANTITIES[metric], find_looks(courses, named)
    many = len(courses) > MANY
    labels = final_labels(courses, looks, quantity)
    gutter = 0.2 if many else _finals_width(courses, labels)
    legend = _legend(courses, looks, quantity)
    width = max(_LEFT + _BETWEEN + _PANELS + gutter, legend.width + 0.4, _WIDTH)
    figure = style.new_figure(width, 5.2 + legend.height)
    style.heading(figure, title, style.joined(_subtitle(courses), diverged))
    bottom, tall = legend.height + 0.6, 3.65
    panels = width - gutter - _LEFT - _BETWEEN
    everything = style.place(figure, "all epochs", _LEFT, bottom, 0.6 * panels, tall)
    ending = style.place(figure, "last epochs", width - gutter - 0.4 * panels, bottom, 0.4 * panels, tall)
    _draw_all(everything, courses, looks, quantity)
    _draw_end(ending, courses, looks, quantity)
    everything.axvspan(*ending.get_xlim(), color="#f3f0e6", zorder=0, linewidth=0)
    if not many:
        final = style.place(figure, "final values", width - gutter, bottom, gutter, tall)
        _draw_finals(final, ending, courses, looks, labels)
    legend.draw(style.place(figure, "legend", 0.2, 0.08, width - 0.4, legend.height))
    return figure


def _legend(courses: Sequence[Course], looks: dict[str, Look], quantity: Quantity) -> Legend:
    """The legend. That of many conditions also has the final values."""
    if len(courses) <= MANY:
        return Legend(courses, looks)
    texts = {one.condition: f"{quantity.write(one.final)}  {looks[one.condition].name}".rstrip() for one in courses}
    return Legend(courses, looks, _WIDTH - 0.4, texts, "penalty; final value")


def _subtitle(courses: Sequence[Course]) -> str:
    """Says what a line shows: one seed, or the median over several seeds."""
    counts = sorted({len(course.seeds) for course in courses})
    if counts == [1]:
        seeds = {course.seeds[0] for course in courses}
        return f"seed {seeds.pop()}" if len(seeds) == 1 else "one seed per condition"
    number = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    if len(courses) > MANY:
        return f"median over {number} seeds; without bands, which would hide the lines of {len(courses)} conditions"
    return f"median and {band_name(courses)} over {number} seeds"


def _draw_lines(axes: Axes, courses: Sequence[Course], looks: dict[str, Look], marks: int) -> None:
    """Draws lines with about `marks` markers each, shifted from line to line, so that no marker hides another.

    The more bands there are, the paler they are. Otherwise many of them hide the lines.
    """
    alpha, time = 0.5 / max(6, len(courses)), Time.of(courses)
    for number, course in enumerate(courses):
        look, places = looks[course.condition], time.places(course)
        step = max(1, round(len(course.epochs) / marks))
        shift = number * step // len(courses) % step
        axes.plot(places, course.middle, label=course.condition, markevery=(shift, step), **look.line())
        if len(course.seeds) > 1 and len(courses) <= MANY:
            axes.fill_between(places, *course.band, color=look.color, alpha=alpha, linewidth=0)


def _draw_all(axes: Axes, courses: Sequence[Course], looks: dict[str, Look], quantity: Quantity) -> None:
    time = Time.of(courses)
    _draw_lines(axes, courses, looks, marks=8 if len(courses) <= MANY else 4)
    use_error_scale(axes, quantity, np.concatenate([course.values.ravel() for course in courses]))
    time.use(axes, room=0.02)
    axes.set(xlabel=time.label, ylabel=quantity.title)
    style.panel_title(axes, f"{time.everything}, {scale_name(quantity)}")


def _draw_end(axes: Axes, courses: Sequence[Course], looks: dict[str, Look], quantity: Quantity) -> None:
    """Draws the last epochs on a linear scale that fits the range in which most lines end."""
    time, few = Time.of(courses), len(courses) <= MANY
    first, last = time.end, time.last
    _draw_lines(axes, courses, looks, marks=10**6 if few and last - first < 12 else 10 if few else 3)
    late = [time.places(course) >= first for course in courses]
    shown = [(course, own) for course, own in zip(courses, late, strict=True) if own[-1]]
    low = np.array([course.band[0][own].min() for course, own in shown])
    high = np.array([course.band[1][own].max() for course, own in shown])
    finals = np.array([course.final for course, _ in shown])
    bottom, top = common_range(low if few else finals, high if few else finals, finals, quantity.better_up)
    margin = max(0.05 * (top - bottom), 10.0**-quantity.digits)
    room = 0.04 * (last - first) + 0.1
    axes.set(xlim=(first - room, last + room), ylim=(bottom - margin, top + margin), facecolor="#fcfbf7")
    axes.set_xticks(epoch_ticks(first, last, most=10))
    axes.yaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10]))
    axes.ticklabel_format(axis="y", useOffset=False, style="plain")
    axes.set_xlabel("share of the run (%)" if time.shares else time.label)
    outside = 0 if few else int(((finals < bottom) | (finals > top)).sum())
    style.panel_title(axes, f"{time.ending}, enlarged{f'; {outside} end outside' if outside else ''}")


def final_labels(courses: Sequence[Course], looks: dict[str, Look], quantity: Quantity) -> list[str]:
    """Final value and name of each course. If it ends before the axis of epochs does, its last epoch as well."""
    time = Time.of(courses)
    labels = []
    for course in courses:
        early = "" if time.places(course)[-1] == time.last else f" (epoch {course.epochs[-1]})"
        labels.append(f"{quantity.write(course.final)}  {looks[course.condition].label}{early}")
    return labels


def _finals_width(courses: Sequence[Course], labels: Sequence[str]) -> float:
    """The width that `_draw_finals` needs."""
    return _strip(courses) + _LEADER + _SAMPLE + 0.1 + max(style.text_width(label, _SIZE) for label in labels) + 0.12


def _strip(courses: Sequence[Course]) -> float:
    """Width of the ranges at the end. It is 0 if every course has one seed."""
    return _STRIP * len(courses) + 0.1 if any(len(course.seeds) > 1 for course in courses) else 0.0


def _draw_finals(
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
    for number, course in enumerate(courses, start=1):
        bottom, top = course.band
        ends = np.array([bottom[-1], course.final, top[-1]])
        low, middle, high = (ends - limits[0]) / (limits[1] - limits[0]) * height
        if high < 0 or low > height:
            continue
        look, x = looks[course.condition], _STRIP * number
        axes.plot([x, x], [max(low, 0), min(high, height)], color=look.color, linewidth=2, alpha=0.55)
        if 0 <= middle <= height:
            axes.plot([x], [middle], **look.line())


def draw_both(job: Job, name: str, draw: Callable[..., Figure]) -> None:
    """Draws the accuracy and the loss of all conditions with `draw`, as {name}_accuracy and {name}_loss."""
    held_out = any(settings["holdout_images"] for settings in job.conditions.values())
    for quantity in ("accuracy", "loss"):
        title = f"{'Hold-out' if held_out else 'Validation'} {quantity}: {job.title}"
        courses, diverged = job.courses(f"validation_{quantity}")
        figure = style.only_words(title, diverged)
        if courses:
            figure = draw(courses, title, f"validation_{quantity}", job.named, diverged)
        style.save(figure, *job.paths(f"{name}_{quantity}"))


def make(job: Job) -> None:
    """The accuracy graph and the loss graph of all conditions."""
    draw_both(job, "validation", draw)
