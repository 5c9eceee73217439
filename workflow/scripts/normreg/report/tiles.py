"""Images with text at their right, of which galleries consist."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from normreg.report import style

SIDE = 1.18  # of the square that an image is drawn in; inches, like all sizes here
HEAD, EDGE = 0.72, 0.2  # of a gallery: height of its heading, width of its margin
_ACROSS = 5  # tiles in a row
_GAP = 0.06 * SIDE  # between image and text
_SIZE, _SMALL = 9.5, 9  # points
_LINE = 0.16  # of the small text


@dataclass(frozen=True)
class Layout:
    """Width and height of a tile, and how many lines a name may have."""

    width: float
    height: float
    lines: int


# A gallery is wide, and fits a screen.
PLAIN = Layout(2.2, 1.33, lines=1)
LONG = Layout(2.65, 1.72, lines=2)  # for names that the plain one has no room for


@dataclass(frozen=True)
class Tile:
    """One image, its text, and a smaller text below that.

    The image is uint8, gray (height, width) or red, green and blue (3, height, width).
    """

    image: np.ndarray
    text: str
    small: str


@dataclass(frozen=True)
class Names:
    """The names of classes in tiles, and the layout that has room for them."""

    layout: Layout
    of: dict[int, str]


def name_classes(class_names: Sequence[str], shown: Iterable[int], files: Sequence[str] = ()) -> Names:
    """The names of the classes `shown`, some of `class_names`, and a layout for them: plain, if they are short.

    If the images have `files`, there is room for a line more, see `file_line`.
    """
    wanted = list(shown)
    room = {layout: layout.width - SIDE - 2 * _GAP for layout in (PLAIN, LONG)}
    whole = style.printable(class_names)
    layout = PLAIN if all(style.text_width(whole[number], _SIZE) <= room[PLAIN] for number in wanted) else LONG
    shown_names = style.fitted(class_names, wanted, room[layout], _SIZE, layout.lines)
    return Names(replace(layout, height=layout.height + _LINE) if len(files) else layout, shown_names)


def file_line(file: str, layout: Layout) -> str:
    """A line below the small text of a tile: the name of the image's file, shortened in its middle. "" for no file."""
    room = layout.width - SIDE - 2 * _GAP
    return f"\n{style.shortened(os.path.basename(file), room, _SMALL)}" if file else ""


def gallery(tiles: Mapping[str, Tile], layout: Layout, title: str, subtitle: str, empty: str) -> Figure:
    """A figure of tiles, five in a row. The keys name their axes. `empty` is written if there are none."""
    rows = -(-len(tiles) // _ACROSS) or 0.4
    height = rows * layout.height + HEAD + 0.1
    figure = style.new_figure(_ACROSS * layout.width + 0.3, height)
    style.heading(figure, title, subtitle)
    draw_rows(figure, tiles, layout, height - HEAD)
    if not tiles:
        figure.text(0.5, 0.3, empty, size=13, color=style.GREY, ha="center")
    return figure


def draw_rows(figure: Figure, tiles: Mapping[str, Tile], layout: Layout, top: float) -> None:
    """Draws tiles in rows, the first one `top` inches from the bottom of the figure."""
    for place, (label, tile) in enumerate(tiles.items()):
        row, column = divmod(place, _ACROSS)
        _draw(figure, tile, layout, (EDGE + column * layout.width, top - (row + 1) * layout.height + 0.1), label)


def _draw(figure: Figure, tile: Tile, layout: Layout, corner: tuple[float, float], label: str) -> None:
    """Draws a tile and names its axes. `corner` is its place: inches from the figure's left and bottom.

    In a high tile the image stands at the top, as its text does.
    """
    width, height = figure.get_size_inches()
    left, bottom = corner
    low = bottom + (layout.height - PLAIN.height)
    axes = style.place(figure, label, left, low, SIDE, SIDE)
    shown = tile.image if tile.image.ndim == 2 else np.moveaxis(tile.image, 0, 2)
    axes.imshow(shown, cmap="gray_r", vmin=0, vmax=255, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set(visible=True, color="#c8c8c8")
    # Not in units of the axes: those of an image that is not square are smaller.
    side = (left + SIDE + _GAP) / width
    place: Any = {"ha": "left", "transform": figure.transFigure}
    axes.text(side, (low + 0.98 * SIDE) / height, tile.text, size=_SIZE, va="top", linespacing=1.15, **place)
    axes.text(side, bottom / height, tile.small, size=_SMALL, color=style.GREY, va="bottom", **place)
