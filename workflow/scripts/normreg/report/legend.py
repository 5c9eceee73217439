"""The legend of figures with a line per condition: a grid with a column per penalty and a block of rows per norm.

Blocks of many conditions stand side by side if there is room.
"""

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from normreg.config.factors import NORMS, PENALTIES
from normreg.report import style
from normreg.report.axes import in_inches
from normreg.report.inputs import Drawn
from normreg.report.looks import MANY, Look, penalty_of, weakest_first
from normreg.report.palette import PENALTY_STYLES

_ROW = 0.24  # height of a row; inches, like all lengths here
_SIZE = 9.0  # of names, points
_SAMPLE = 0.5  # length of the sample of a line
_TALL = 8  # a cell with more conditions than this is split into several columns, if there is room


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
