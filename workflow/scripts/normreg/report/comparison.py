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
from normreg.report.axes import Time, common_range, epoch_ticks, scale_name, use_error_scale
from normreg.report.job import Course, Job, band_name
from normreg.report.looks import MANY, Look, legend
from normreg.report.looks import looks as find_looks

_WIDTH, _HEIGHT = 9.6, 4.9  # inches; wider figures are shown smaller in the report
_BESIDE = 2.2  # the legend stands beside the panels if its texts are at most as wide, inches
_STEP = 0.07  # between two ranges at the end, as a share of the epochs shown


@matplotlib.rc_context(style.RC)
def draw(
    courses: Sequence[Course], title: str, metric: str, named: Mapping[str, Named] | None = None, diverged: str = ""
) -> Figure:
    """Draws all `courses` in one panel, their last epochs again in a second one, and a legend with the final values.

    The labels of the axes are "all epochs" and "last epochs". Each line has its condition's name as label. The legend
    has the best final value first; a legend of more than `MANY` conditions has their order.

    Args:
        courses: one per condition, at least one.
        title: of the figure.
        metric: a key of `QUANTITIES`, a column of metrics.csv.
        named: what the conditions are called, see `looks`.
        diverged: see `job.Courses`.
    """
    quantity, looks = QUANTITIES[metric], find_looks(courses, named)
    figure = style.new_figure(_WIDTH, _HEIGHT)
    everything, ending = figure.subplots(1, 2, width_ratios=(3, 2))
    everything.set_label("all epochs")
    ending.set_label("last epochs")
    _draw_all(everything, courses, looks, quantity)
    _draw_end(ending, courses, looks, quantity)
    time = Time.of(courses)
    everything.axvspan(time.end - 0.5, time.last + 0.5, color="#f3f0e6", zorder=0, linewidth=0)
    texts = dict(zip(looks, final_labels(courses, looks, quantity), strict=True))
    sign = -1 if quantity.better_up else 1
    few = len(courses) <= MANY
    order = sorted(courses, key=lambda course: sign * course.final) if few else courses
    beside = few and max(style.text_width(text, style.RC["font.size"]) for text in texts.values()) <= _BESIDE
    legend(figure, order, looks, texts, "at the last epoch", right=beside)
    style.lay_out(figure, title, style.joined(_subtitle(courses), diverged))
    return figure


def _subtitle(courses: Sequence[Course]) -> str:
    """Says what a line shows: one seed, or the median over several seeds."""
    counts = sorted({len(course.seeds) for course in courses})
    if counts == [1]:
        seeds = {course.seeds[0] for course in courses}
        return f"seed {seeds.pop()}" if len(seeds) == 1 else "one seed per condition"
    number = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    at_end = f"; right of the last epoch: {band_name(courses)}" if len(courses) <= MANY else ""
    return f"median over {number} seeds{at_end}"


def _draw_lines(axes: Axes, courses: Sequence[Course], looks: dict[str, Look], marks: int) -> None:
    """Draws lines with about `marks` markers each, shifted from line to line, so that no marker hides another."""
    time = Time.of(courses)
    for number, course in enumerate(courses):
        look, places = looks[course.condition], time.places(course)
        step = max(1, round(len(course.epochs) / marks))
        shift = number * step // len(courses) % step
        axes.plot(places, course.middle, label=course.condition, markevery=(shift, step), **look.line())


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
    low = np.array([min(course.middle[own].min(), course.band[0][-1]) for course, own in shown])
    high = np.array([max(course.middle[own].max(), course.band[1][-1]) for course, own in shown])
    finals = np.array([course.final for course, _ in shown])
    bottom, top = common_range(low if few else finals, high if few else finals, finals, quantity.better_up)
    margin = max(0.05 * (top - bottom), 10.0**-quantity.digits)
    room = 0.04 * (last - first) + 0.1
    ranges = few and any(len(course.seeds) > 1 for course in courses)
    right = _draw_ranges(axes, courses, looks, first) if ranges else last + room
    axes.set(xlim=(first - room, right), ylim=(bottom - margin, top + margin), facecolor="#fcfbf7")
    axes.set_xticks(epoch_ticks(first, last, most=10))
    axes.yaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10]))
    axes.ticklabel_format(axis="y", useOffset=False, style="plain")
    axes.set_xlabel("share of the run (%)" if time.shares else time.label)
    outside = int(((finals < bottom) | (finals > top)).sum())
    style.panel_title(axes, f"{time.ending}, enlarged{f'; {outside} end outside' if outside else ''}")


def final_labels(courses: Sequence[Course], looks: dict[str, Look], quantity: Quantity) -> list[str]:
    """Final value and name of each course. If it ends before the axis of epochs does, its last epoch as well."""
    time = Time.of(courses)
    labels = []
    for course in courses:
        early = "" if time.places(course)[-1] == time.last else f" (epoch {course.epochs[-1]})"
        labels.append(f"{quantity.write(course.final)}  {looks[course.condition].label}{early}")
    return labels


def _draw_ranges(axes: Axes, courses: Sequence[Course], looks: dict[str, Look], first: float) -> float:
    """Draws median and range over the seeds at the last epoch, right of all lines. Returns where the axis ends then."""
    last = Time.of(courses).last
    step = _STEP * max(last - first, 0.5)
    for place, course in enumerate(courses, start=1):
        look, (low, high) = looks[course.condition], (float(end[-1]) for end in course.band)
        x = last + step * (place + 1)
        axes.plot([x, x], [low, high], color=look.color, linewidth=2, alpha=0.6)
        axes.plot([x], [course.final], **look.line())
    axes.axvline(last + step, color=style.GREY, linewidth=0.7, linestyle=(0, (2, 2)))
    return last + step * (len(courses) + 2)


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
