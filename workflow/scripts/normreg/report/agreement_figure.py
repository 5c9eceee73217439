"""The images that most runs get wrong, and the images that each factor fixes or breaks most consistently."""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from normreg.analysis.agreement import Flips
from normreg.data.dataset import Dataset
from normreg.report import style, tiles
from normreg.report.tiles import Names, Tile

MOST = 25  # hardest images
_COLUMNS = EACH = 5  # images in a row; that a factor fixes, and as many that it breaks
_HEAD, _EDGE = 0.72, 0.2  # inches
_SUBTITLE = (
    "the images that each factor most often fixes (wrong without it, right with it) or breaks (the reverse); "
    "without effect, it fixes about as many as it breaks"
)
_SOME = "the {} of {} factors with the largest difference between what they fix (wrong without, right with) and break"
_MOST_FACTORS = 8  # with a sweep there are more: the figure would be many screens tall
_SIDES = ("fixed", "broken")
_NAME, _LINE = 0.3, 0.24  # heights of the name of a factor and of a line above images


@dataclass(frozen=True)
class _Shown:
    """What tiles show: images, what is `known` of them (rows of `agreement.tabulate` by image), names of classes."""

    data: Dataset
    known: pd.DataFrame
    names: Names

    def tile(self, image: int, often: str, small: str) -> Tile:
        """An image with its class and its most common wrong class. `often` says how often that is predicted."""
        actual, predicted = (self.names.of[int(self.known.loc[image, column])] for column in ("label", "predicted"))
        small += f"\nimage {image}{tiles.file_line(self.data.file_of(image), self.names.layout)}"
        return Tile(self.data.test_images[image], f"actual\n{actual}\n→ {often}\n{predicted}", small)


def _choose(data: Dataset, table: pd.DataFrame, images: Sequence[int]) -> _Shown:
    """What the tiles of these images show. They are rows of the table."""
    known = table.set_index("image").loc[list(images)]
    classes = pd.concat([known["label"], known["predicted"]]).astype(int)
    names = tiles.name_classes([str(name) for name in data.class_names], classes, bool(data.test_files))
    return _Shown(data, known, names)


@matplotlib.rc_context(style.RC)
def draw_hardest(table: pd.DataFrame, data: Dataset, title: str, diverged: str = "") -> Figure:
    """Draws the first `MOST` images of the table of `agreement.tabulate`, five in a row.

    `diverged` is a sentence on the runs that diverged.
    """
    shown = _choose(data, table, [int(image) for image in table["image"].head(MOST)])
    layout, rows = shown.names.layout, -(-len(shown.known) // _COLUMNS) or 0.4
    width, height = _COLUMNS * layout.width + 0.3, rows * layout.height + _HEAD + 0.1
    figure = style.new_figure(width, height)
    caption = _caption(len(shown.known), len(table), len(data.test_labels))
    style.heading(figure, title, style.joined(caption, diverged))
    for place, (image, found) in enumerate(shown.known.iterrows()):
        row, column = divmod(place, _COLUMNS)
        often = "always" if found["times"] == found["missed"] else "most often"
        tile = shown.tile(image, often, _of_runs(found))
        corner = _EDGE + column * layout.width, height - _HEAD - (row + 1) * layout.height + 0.1
        tiles.draw(figure, tile, layout, corner, f"image {image}")
    if shown.known.empty:
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
    runs, missed = found["runs"], found["missed"]
    many = "all" if missed == runs and runs > 1 else missed
    return f"missed by\n{many} of {runs}{' runs' if runs < 100 else ''}"  # no place for more digits and the word


@dataclass(frozen=True)
class _Side:
    """What a factor fixes, or what it breaks: a name, a line on how many images, and some of them with a text each."""

    name: str
    heading: str
    images: dict[int, str]


@matplotlib.rc_context(style.RC)
def draw_changes(
    changes: Sequence[Flips], table: pd.DataFrame, data: Dataset, title: str, diverged: str = ""
) -> Figure:
    """Draws two rows for each factor: the images that it fixes most consistently, and below those that it breaks.

    The `table` of `agreement.tabulate` has the most common wrong class of each image. Of more than `_MOST_FACTORS`
    factors, those are shown whose numbers of fixed and broken images differ most. `diverged` is a sentence on the runs
    that diverged.
    """
    total, changes = len(changes), _strongest(changes)
    sides = [[_most(change, side) for side in _SIDES] for change in changes]
    shown = _choose(data, table, list({image: 0 for pair in sides for side in pair for image in side.images}))
    side_tall = _LINE + shown.names.layout.height
    tall = _NAME + 2 * side_tall + 0.1
    width, height = EACH * shown.names.layout.width + 0.3, max(len(changes) * tall, 0.5) + _HEAD
    figure = style.new_figure(width, height)
    among = _SOME.format(len(changes), total) if total > len(changes) else _SUBTITLE
    style.heading(figure, title, style.joined(among, diverged))
    for row, (change, pair) in enumerate(zip(changes, sides, strict=True)):
        top = height - _HEAD - row * tall
        figure.text(_EDGE / width, top / height, change.name, size=11, weight="bold", va="top")
        for place, side in enumerate(pair):
            _draw_side(figure, side, top - _NAME - place * side_tall, shown)
    if not changes:
        text = "This study has no two conditions with and without a factor that are otherwise equal."
        text = "No two runs are left that can be compared." if diverged else text
        figure.text(0.5, 0.3, text, size=11, color=style.GREY, ha="center")
    return figure


def _strongest(changes: Sequence[Flips]) -> list[Flips]:
    """At most `_MOST_FACTORS` of the changes, in their order: those that change most in one direction."""
    mean = [abs(float(change.fixed.sum() - change.broken.sum())) / change.comparisons for change in changes]
    chosen = np.argsort(-np.array(mean), kind="stable")[:_MOST_FACTORS]
    return [changes[place] for place in sorted(chosen)]


def _draw_side(figure: Figure, side: _Side, top: float, shown: _Shown) -> None:
    """Draws the images that a factor fixes or breaks, `top` inches from the bottom."""
    width, height = figure.get_size_inches()
    layout = shown.names.layout
    figure.text(_EDGE / width, (top - 0.07) / height, side.heading, size=9.5, color=style.GREY, va="top")
    for place, (image, small) in enumerate(side.images.items()):
        corner = _EDGE + place * layout.width, top - _LINE - layout.height + 0.1
        tiles.draw(figure, shown.tile(image, "taken for", small), layout, corner, f"{side.name} {image}")


def _most(change: Flips, side: str) -> _Side:
    """Chooses the images that are changed most clearly in this direction and not in the other, ties by index."""
    counts = {"fixed": change.fixed, "broken": change.broken}
    own = counts.pop(side)
    ((other, against),) = counts.items()
    more = own.astype(int) - against
    order = [int(image) for image in np.argsort(-more, kind="stable")[:EACH] if more[image] > 0]
    texts = (f"{side} {own[i]} of {change.comparisons}\n{other} {against[i]}" for i in order)
    heading = f"{side}: {own.sum() / change.comparisons:.1f} images, mean of {change.comparisons} comparisons"
    return _Side(f"{change.name} {side}", heading, dict(zip(order, texts, strict=True)))
