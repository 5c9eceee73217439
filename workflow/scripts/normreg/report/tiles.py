"""Images with text at their right, of which galleries consist."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from normreg.report import style

SIDE = 1.05  # of the square that an image is drawn in; inches, like all lengths here
HEAD, EDGE = 0.72, 0.2  # of a gallery: height of its heading, width of its margin
_ACROSS = 5  # tiles in a row
_GAP = 0.08  # between image and text
_LEAST, _ROOM = 0.9, 1.5  # width of the text: at least, and at most
_SIZE, _LONG, _SMALL = 15, 11, 11  # points: of the classes, of long names of classes, of the other lines


@dataclass(frozen=True)
class Tile:
    """One image with its text: the classes, in one or two lines, and smaller lines below them.

    The image is uint8, gray (height, width) or red, green and blue (3, height, width).
    """

    image: np.ndarray
    classes: str
    small: str


@dataclass(frozen=True)
class Layout:
    """The size of a tile that has room for all texts of a figure, and the size of the classes' names."""

    width: float
    height: float
    size: float

    @classmethod
    def of(cls, tiles: Iterable[Tile]) -> "Layout":
        """The layout of these tiles."""
        size, widths, lines = float(_SIZE), [_LEAST], [0.0]
        for tile in tiles:
            size = _LONG if "\n" in tile.classes else size
            texts = [
                *((line, size) for line in tile.classes.split("\n")),
                *((line, _SMALL) for line in tile.small.split("\n")),
            ]
            widths += [style.text_width(text, points, bold=points == _SIZE) for text, points in texts]
            lines.append(sum(1.25 * points / 72 for _, points in texts))
        return cls(SIDE + _GAP + max(widths) + 0.15, max(SIDE, *lines) + 0.13, size)


def between(class_names: Sequence[str], pairs: Iterable[tuple[int, int]]) -> dict[tuple[int, int], str]:
    """What tiles write of an actual and a predicted class: "5 → 6", or in two lines if the names are long.

    Of "5 (five)" it is "5", if the names differ without their brackets.
    """
    wanted = list(pairs)
    whole = style.printable(class_names)
    short = [name.partition(" (")[0] for name in whole]
    names = short if len(set(short)) == len(short) else whole
    one_line = {pair: style.literal(f"{names[pair[0]]} → {names[pair[1]]}") for pair in wanted}
    if all(style.text_width(text, _SIZE, bold=True) <= _ROOM for text in one_line.values()):
        return one_line
    fitted = style.fitted(names, (number for pair in wanted for number in pair), _ROOM - 0.2, _LONG)
    return {pair: f"{fitted[pair[0]]}\n→ {fitted[pair[1]]}" for pair in wanted}


def file_line(file: str) -> str:
    """A line of the small text of a tile: the name of the image's file, shortened in its middle. "" for no file."""
    return f"\n{style.shortened(os.path.basename(file), _ROOM, _SMALL)}" if file else ""


def gallery(tiles: Mapping[str, Tile], title: str, subtitle: str, empty: str) -> Figure:
    """A figure of tiles, five in a row. The keys name their axes. `empty` is written if there are none."""
    layout = Layout.of(tiles.values())
    rows = -(-len(tiles) // _ACROSS) or 0.4
    figure = style.new_figure(_ACROSS * layout.width + 0.3, rows * layout.height + HEAD + 0.1)
    style.heading(figure, title, subtitle)
    draw_rows(figure, tiles, layout, figure.get_figheight() - HEAD)
    if not tiles:
        figure.text(0.5, 0.3, empty, size=13, color=style.GREY, ha="center")
    return figure


def draw_rows(figure: Figure, tiles: Mapping[str, Tile], layout: Layout, top: float) -> None:
    """Draws tiles in rows, the first one `top` inches from the bottom of the figure."""
    for place, (label, tile) in enumerate(tiles.items()):
        row, column = divmod(place, _ACROSS)
        _draw(figure, tile, layout, (EDGE + column * layout.width, top - row * layout.height), label)


def _draw(figure: Figure, tile: Tile, layout: Layout, corner: tuple[float, float], label: str) -> None:
    """Draws a tile and names its axes. `corner` is its upper left one: inches from the figure's left and bottom."""
    width, height = figure.get_size_inches()
    left, top = corner
    axes = style.place(figure, label, left, top - SIDE, SIDE, SIDE)
    shown = tile.image if tile.image.ndim == 2 else np.moveaxis(tile.image, 0, 2)
    axes.imshow(shown, cmap="gray_r", vmin=0, vmax=255, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set(visible=True, color="#c8c8c8")
    # Not in units of the axes: those of an image that is not square are smaller.
    side = (left + SIDE + _GAP) / width
    place: Any = {"ha": "left", "va": "top", "transform": figure.transFigure, "linespacing": 1.15}
    weight = "bold" if layout.size == _SIZE else "normal"
    axes.text(side, top / height, tile.classes, size=layout.size, weight=weight, **place)
    under = top - 1.25 * layout.size / 72 * (1 + tile.classes.count("\n"))
    axes.text(side, under / height, tile.small, size=_SMALL, color=style.GREY, **place)
