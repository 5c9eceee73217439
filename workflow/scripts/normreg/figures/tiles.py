"""Images with text at their right, of which galleries consist."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from normreg.figures import style

SIDE = 1.18  # of an image; inches, like `TILE`
TILE = (2.2, 1.33)  # width and height of an image with its text: so a gallery is wide, and fits a screen


@dataclass(frozen=True)
class Tile:
    """One image (height, width) of gray values 0 to 255, its text, and a smaller text below that."""

    image: np.ndarray
    text: str
    small: str


def draw(figure: Figure, tile: Tile, left: float, bottom: float, label: str) -> Axes:
    """Draws a tile `left` and `bottom` inches from the figure's edges. `label` names its axes."""
    width, height = figure.get_size_inches()
    axes = figure.add_axes((left / width, bottom / height, SIDE / width, SIDE / height), label=label)
    axes.imshow(tile.image, cmap="gray_r", vmin=0, vmax=255, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set(visible=True, color="#c8c8c8")
    axes.text(1.06, 0.98, tile.text, size=9.5, ha="left", va="top", transform=axes.transAxes, linespacing=1.15)
    axes.text(1.06, 0.0, tile.small, size=9, color=style.GREY, ha="left", va="bottom", transform=axes.transAxes)
    return axes
