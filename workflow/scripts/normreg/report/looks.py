"""How lines of conditions look: colour and marker show the penalty, line and filling the norm, shades the strength.

The legend is a grid with a column per penalty and a block of rows per norm. Blocks of many conditions stand side by
side if there is room.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.lines import Line2D

from normreg.config.factors import NORMS, PENALTIES
from normreg.config.labels import Named, by_pair
from normreg.report import style
from normreg.report.axes import in_inches
from normreg.report.job import Drawn
from normreg.report.palette import NORM_STYLES, PENALTY_STYLES

AnyDrawn = TypeVar("AnyDrawn", bound=Drawn)
_ROW = 0.24  # height of a row; inches, like all lengths here
_SIZE = 9.0  # of names, points
_SAMPLE = 0.5  # length of the sample of a line
_TALL = 8  # a cell with more conditions than this is split into several columns, if there is room
MANY = 12  # of more conditions, lines are thin and have no bands; there are no labels at their ends
# Amounts for `shaded`, towards white or black, of conditions that nothing orders. Five, because then no pair of shade
# and marker repeats among 15.
_SHADES = (0.0, -0.45, 0.2, -0.25, 0.35)
_WEAKEST, _STRONGEST = 0.38, -0.55  # amounts for `shaded` of conditions that their strength orders
_WEAKEST_GREY = 0.56
_SIZES = {
    "D": 4.4,
    "^": 5.6,
    "v": 5.6,
    "<": 5.6,
    ">": 5.6,
    "P": 5.8,
    "X": 5.8,
    "d": 5.8,
    "*": 7.0,
}  # look alike in size


@dataclass(frozen=True)
class Look:
    """How the line of one condition is drawn, and what it is called."""

    label: str
    name: str  # written in the legend; empty if penalty and norm identify the condition
    color: str
    text_color: str
    linestyle: Any
    marker: str
    marker_face: str
    marker_size: float  # points
    width: float  # points
    shade: float | None  # see `Named`
    penalty: str  # the label of the penalty

    def line(self) -> dict[str, Any]:
        """Keyword arguments for `Axes.plot`."""
        return {
            "color": self.color,
            "linestyle": self.linestyle,
            "linewidth": self.width,
            "marker": self.marker,
            "markersize": self.marker_size,
            "markerfacecolor": self.marker_face,
            "markeredgecolor": self.color,
            "markeredgewidth": min(1.1, self.width),
        }


def looks(courses: Sequence[Drawn], named: Mapping[str, Named] | None = None) -> dict[str, Look]:
    """A look for every condition. No two are equal, up to 15 with the same penalty and norm.

    Conditions with the same penalty and norm differ in marker and shade, and the legend names them. If their strengths
    order them, so are the shades: the weakest is light, the strongest dark.

    Args:
        courses: the conditions.
        named: what they are called. Without it, penalty and norm alone tell.
    """
    if named is None:
        named = by_pair({course.condition: (course.penalty, course.norm) for course in courses})
    seen: Counter[tuple[str, str, bool]] = Counter()
    result = {}
    for course in weakest_first(courses, {name: one["shade"] for name, one in named.items()}):
        name = named[course.condition]
        key = (course.penalty, course.norm, name["shade"] is None)
        result[course.condition] = _look(course, seen[key], name, many=len(courses) > MANY)
        seen[key] += 1
    return {course.condition: result[course.condition] for course in courses}


def weakest_first(courses: Sequence[AnyDrawn], shades: Mapping[str, float | None]) -> list[AnyDrawn]:
    """The conditions in the order of their shades, and after them those that nothing orders."""
    return sorted(courses, key=lambda course: (shades[course.condition] is None, shades[course.condition] or 0.0))


def _look(course: Drawn, variant: int, named: Named, many: bool) -> Look:
    penalty, norm = PENALTY_STYLES[course.penalty], NORM_STYLES[course.norm]
    marker = penalty.markers[variant % len(penalty.markers)]
    ordered = named["shade"] is not None
    usual = shaded(penalty.color, _SHADES[variant % len(_SHADES)])
    color = usual if named["shade"] is None else ramp(penalty.color, named["shade"])
    baseline = course.penalty == "none"
    thin = 1.8 if baseline and not ordered else 0.9  # the baseline stands out
    return Look(
        label=named["label"],
        name=named["level"],
        color=color,
        text_color=penalty.color,  # a lightened colour is too pale to read
        linestyle=norm.line,
        marker=marker,
        marker_face=color if norm.filled else "white",
        marker_size=_SIZES.get(marker, 5.0) * (0.7 if many else 1),
        width=thin if many else (2.1 if baseline else 1.5),
        shade=named["shade"],
        penalty=named.get("penalty", PENALTIES[course.penalty].label),
    )


def penalty_of(looks: Sequence[Look], penalty: str) -> str:
    """What conditions of one penalty call it, if all of them call it the same. Else the usual label."""
    found = {look.penalty for look in looks}
    return found.pop() if len(found) == 1 else PENALTIES[penalty].label


def ramp(color: str, shade: float) -> str:
    """A colour between a light (shade 0) and a dark one (shade 1) of the same hue."""
    if color == PENALTY_STYLES["none"].color:
        return shaded(color, _WEAKEST_GREY * (1 - shade))
    return shaded(color, _WEAKEST + (_STRONGEST - _WEAKEST) * shade)


def shaded(color: str, amount: float) -> str:
    """`color` moved towards white (amount > 0) or black (amount < 0)."""
    if color == PENALTY_STYLES["none"].color and amount < 0:
        amount = -amount  # the colour is almost black and has no darker shade
    target = 1.0 if amount > 0 else 0.0
    red, green, blue = (c + (target - c) * abs(amount) for c in to_rgb(color))
    return to_hex((red, green, blue))


class Legend:
    """The conditions of a figure by penalty and norm, those of one cell from the weakest to the strongest.

    Attributes:
        width: the width that it needs, in inches.
        height: the height that it needs, in inches.
    """

    def __init__(
        self,
        courses: Sequence[Drawn],
        looks: Mapping[str, Look],
        room: float = 0.0,
        texts: Mapping[str, str] | None = None,
        head: str = "penalty",
    ) -> None:
        """Lays out a legend.

        Args:
            courses: the conditions.
            looks: how each is drawn.
            room: the width that a legend of many conditions may use to be less tall.
            texts: what is written beside each sample; by default the names in `looks`.
            head: the text in the corner.
        """
        self._looks, self._head = looks, head
        self._texts = texts or {course.condition: looks[course.condition].name for course in courses}
        shades = {name: look.shade for name, look in looks.items()}
        self._cells: dict[tuple[str, str], list[Drawn]] = {}
        for course in weakest_first(courses, shades):
            self._cells.setdefault((course.penalty, course.norm), []).append(course)
        self._penalties = [key for key in PENALTIES if any(penalty == key for penalty, _ in self._cells)]
        self._labels = {
            key: penalty_of([looks[c.condition] for c in courses if c.penalty == key], key) for key in self._penalties
        }
        norms = [key for key in NORMS if any(norm == key for _, norm in self._cells)]
        heads = [style.text_width(text, _SIZE) for text in (head, *(NORMS[norm].name for norm in norms))]
        self._start = 0.25 + max(heads)
        many = len(courses) > MANY
        self._steps = {penalty: self._step(penalty if many else None) for penalty in self._penalties}
        across = sum(self._steps.values())
        self._beside = many and len(norms) > 1 and self._start + len(norms) * across <= room
        blocks = len(norms) if self._beside else 1
        fitting = int((room - self._start) / (blocks * across)) if many else 1
        self._split = max(1, min(fitting, math.ceil(max(map(len, self._cells.values())) / _TALL)))
        self._rows = dict.fromkeys(norms, 0)
        for (_, norm), cell in self._cells.items():
            self._rows[norm] = max(self._rows[norm], self._height(cell))
        self.width = self._start + blocks * self._split * across
        self.height = _ROW * (2 + max(self._rows.values()) if self._beside else 1 + sum(self._rows.values())) + 0.1

    def _step(self, penalty: str | None) -> float:
        """The width of a column of samples with their texts: of this penalty, or of all if it is None."""
        names = [one.condition for (own, _), cell in self._cells.items() if penalty in (own, None) for one in cell]
        heads = [text for key, text in self._labels.items() if penalty in (key, None)]
        wide = max(style.text_width(text, _SIZE, bold=True) for text in heads) + 0.2
        return max(1.3, wide, _SAMPLE + 0.3 + max(style.text_width(self._texts[name], _SIZE) for name in names))

    def _height(self, cell: Sequence[Drawn]) -> int:
        """Number of rows of a cell."""
        return math.ceil(len(cell) / self._split)

    def draw(self, axes: Axes) -> None:
        """Draws the legend. `axes` has its width and height, or is larger."""
        top = in_inches(axes)[1] - (_ROW if self._beside else 0)
        across = self._split * sum(self._steps.values())
        axes.text(0, top - _ROW / 2, self._head, color=style.GREY, va="center")
        left, y = self._start, top - _ROW
        for number, (norm, rows) in enumerate(self._rows.items()):
            if self._beside or not number:
                self._draw_penalties(axes, left, top - _ROW / 2)
            x, up = (left, top + _ROW / 2) if self._beside else (0.0, y - _ROW / 2)
            axes.text(x, up, NORMS[norm].name, color="#333333", va="center")
            self._draw_cells(axes, norm, left, y)
            if self._beside:
                left += across
            else:
                y -= _ROW * rows

    def _lefts(self, left: float) -> dict[str, float]:
        """The left edge of each penalty in a block that begins at `left`."""
        lefts = {}
        for penalty, step in self._steps.items():
            lefts[penalty] = left
            left += self._split * step
        return lefts

    def _draw_penalties(self, axes: Axes, left: float, y: float) -> None:
        for key, x in self._lefts(left).items():
            axes.text(x, y, self._labels[key], color=PENALTY_STYLES[key].color, weight="bold", va="center")

    def _draw_cells(self, axes: Axes, norm: str, left: float, top: float) -> None:
        for penalty, x in self._lefts(left).items():
            cell = self._cells.get((penalty, norm), [])
            for place, course in enumerate(cell):
                column, row = divmod(place, self._height(cell))
                self._draw_sample(axes, course.condition, x + column * self._steps[penalty], top - _ROW * (row + 0.5))

    def _draw_sample(self, axes: Axes, condition: str, x: float, y: float) -> None:
        """Draws a piece of the line with its marker, and the text of the condition."""
        look, text = self._looks[condition], self._texts[condition]
        axes.add_line(Line2D([x, x + _SAMPLE / 2, x + _SAMPLE], [y] * 3, markevery=[1], **look.line()))
        if text:
            axes.text(x + _SAMPLE + 0.1, y, text, color=look.text_color, size=_SIZE, va="center")
