"""The images that most runs get wrong, and the images that each factor fixes or breaks most consistently."""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from normreg.analysis.agreement import Flips
from normreg.data.dataset import Dataset
from normreg.figures import style, tiles
from normreg.figures.tiles import TILE, Tile

MOST = 25  # hardest images
_COLUMNS = EACH = 5  # images in a row; that a factor fixes, and as many that it breaks
_HEAD, _EDGE = 0.72, 0.2  # inches
_SUBTITLE = (
    "the images that each factor most often fixes (wrong without it, right with it) or breaks (the reverse); "
    "without effect, it fixes about as many as it breaks"
)
_SOME = "the {} of {} factors with the largest difference between what they fix (wrong without, right with) and break"
_MOST_FACTORS = 8  # with a sweep there are more: the figure would be many screens tall
_NAME, _LINE = 0.3, 0.24  # heights of the name of a factor and of a line above images


@matplotlib.rc_context(style.RC)
def draw_hardest(table: pd.DataFrame, data: Dataset, title: str) -> Figure:
    """Draws the first `MOST` images of the table of `agreement.tabulate`, five in a row."""
    shown = table.head(MOST)
    rows = -(-len(shown) // _COLUMNS) or 0.4
    width, height = _COLUMNS * TILE[0] + 0.3, rows * TILE[1] + _HEAD + 0.1
    figure = style.new_figure(width, height)
    style.heading(figure, title, _caption(len(shown), len(table), len(data.test_labels)))
    names = _names(data)
    for place, (_, found) in enumerate(shown.iterrows()):
        row, column = divmod(place, _COLUMNS)
        predicted = names[found["predicted"]]
        often = "always" if found["times"] == found["missed"] else "most often"
        text = f"actual\n{names[found['label']]}\n→ {often}\n{predicted}"
        tile = Tile(data.test_images[found["image"]], text, f"{_of_runs(found)}\nimage {found['image']}")
        bottom = height - _HEAD - (row + 1) * TILE[1] + 0.1
        tiles.draw(figure, tile, _EDGE + column * TILE[0], bottom, f"image {found['image']}")
    if shown.empty:
        figure.text(0.5, 0.3, "No mistakes: every run is right.", size=13, color=style.GREY, ha="center")
    return figure


def _caption(shown: int, total: int, images: int) -> str:
    """Says which images are shown, and how many there are."""
    if not total:
        return f"no run misses any of {images:,} images"
    among = f"that one or more runs miss, among {images:,}"
    if shown < total:
        return f"the {shown} hardest of {total:,} images {among}"
    return f"all {total} images {among}, the hardest first" if total > 1 else f"the only image {among}"


def _of_runs(found: pd.Series) -> str:
    """How many runs miss an image, short enough for a tile."""
    runs = found["runs"]
    return f"missed by\n{'all' if found['missed'] == runs and runs > 1 else found['missed']} of {runs} runs"


@dataclass(frozen=True)
class _Side:
    """What a factor fixes, or what it breaks: the mean number of images, and some of them with a text for each."""

    mean: float
    images: dict[int, str]


@matplotlib.rc_context(style.RC)
def draw_changes(changes: Sequence[Flips], table: pd.DataFrame, data: Dataset, title: str) -> Figure:
    """Draws two rows for each factor: the images that it fixes most consistently, and below those that it breaks.

    The `table` of `agreement.tabulate` has the most common wrong class of each image. Of more than `_MOST_FACTORS`
    factors, those are shown whose numbers of fixed and broken images differ most.
    """
    side_tall = _LINE + TILE[1]
    tall = _NAME + 2 * side_tall + 0.1
    total, changes = len(changes), _strongest(changes)
    width, height = EACH * TILE[0] + 0.3, max(len(changes) * tall, 0.5) + _HEAD
    figure = style.new_figure(width, height)
    among = _SOME.format(len(changes), total) if total > len(changes) else _SUBTITLE
    style.heading(figure, title, among)
    known = table.set_index("image")
    for row, change in enumerate(changes):
        top = height - _HEAD - row * tall
        figure.text(_EDGE / width, top / height, change.name, size=11, weight="bold", va="top")
        for place, side in enumerate(("fixed", "broken")):
            _draw_side(figure, change, side, top - _NAME - place * side_tall, known, data)
    if not changes:
        text = "This study has no two conditions with and without a factor that are otherwise equal."
        figure.text(0.5, 0.3, text, size=11, color=style.GREY, ha="center")
    return figure


def _strongest(changes: Sequence[Flips]) -> list[Flips]:
    """At most `_MOST_FACTORS` of the changes, in their order: those that change most in one direction."""
    mean = [abs(float(change.fixed.sum() - change.broken.sum())) / change.comparisons for change in changes]
    chosen = np.argsort(-np.array(mean), kind="stable")[:_MOST_FACTORS]
    return [changes[place] for place in sorted(chosen)]


def _draw_side(figure: Figure, change: Flips, side: str, top: float, known: pd.DataFrame, data: Dataset) -> None:
    """Draws the images that a factor fixes or breaks, `top` inches from the bottom. `known` is indexed by image."""
    width, height = figure.get_size_inches()
    shown, names = _most(change, side), _names(data)
    text = f"{side}: {shown.mean:.1f} images, mean of {change.comparisons} comparisons"
    figure.text(_EDGE / width, (top - 0.07) / height, text, size=9.5, color=style.GREY, va="top")
    for place, (image, small) in enumerate(shown.images.items()):
        label, predicted = (names[known.loc[image, column]] for column in ("label", "predicted"))
        tile = Tile(data.test_images[image], f"actual\n{label}\n→ taken for\n{predicted}", small)
        left, bottom = _EDGE + place * TILE[0], top - _LINE - TILE[1] + 0.1
        tiles.draw(figure, tile, left, bottom, f"{change.name} {side} {image}")


def _most(change: Flips, side: str) -> _Side:
    """Chooses the images that are changed most clearly in this direction and not in the other, ties by index."""
    counts = {"fixed": change.fixed, "broken": change.broken}
    own = counts.pop(side)
    ((other, against),) = counts.items()
    more = own.astype(int) - against
    order = [int(image) for image in np.argsort(-more, kind="stable")[:EACH] if more[image] > 0]
    texts = (f"{side} {own[i]} of {change.comparisons}\n{other} {against[i]}\nimage {i}" for i in order)
    return _Side(own.sum() / change.comparisons, dict(zip(order, texts, strict=True)))


def _names(data: Dataset) -> list[str]:
    return [style.printable(str(name)) for name in data.class_names]
