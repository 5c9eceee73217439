"""Images that runs get wrong together, and that factors fix or break: `agreement.csv`, its page and two pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from normreg.analysis import agreement
from normreg.analysis.agreement import Classes, Flips
from normreg.data.dataset import Dataset
from normreg.report import html, style, tiles, words
from normreg.report.job import NO_FACTORS, Job
from normreg.report.tiles import Layout, Tile
from normreg.utils.tables import Table, columns_of

LISTED = 50  # rows of the page's table of images
_STYLE = ".table:last-of-type td { white-space: normal; max-width: min(22em, 28vw); overflow-wrap: anywhere; }"  # names
MOST = 25  # hardest images
EACH = 5  # images in a row, which a factor fixes or breaks
_SUBTITLE = (
    "the images that each factor most often fixes (wrong without it, right with it) or breaks (the reverse), and in "
    "how many comparisons"
)
_SOME = "the {} of {} factors with the largest difference between what they fix (wrong without, right with) and break"
_MOST_FACTORS = 8  # with a sweep there are more: the figure would be many screens tall
_NAME, _LINE = 0.3, 0.24  # heights of the name of a factor and of a line above images, inches


def table_of(changes: Sequence[Flips]) -> Table:
    """The kind of table that `agreement.tabulate` makes: two columns for each factor."""
    names = ("label", "missed", "runs", "predicted", "times", *agreement.columns(changes))
    columns = columns_of(int, "image") | columns_of(str, "file") | columns_of(int, *names) | columns_of(str, "run")
    return Table("images that runs get wrong", columns, may_be_empty=frozenset({"file"}))


def write(
    path: str | Path, title: str, classes: Classes, table: pd.DataFrame, changes: Sequence[Flips], names: Sequence[str]
) -> None:
    """Writes what `agreement` found: the `table` of images, the `changes` by factors. `names` are those of classes."""
    runs = len(classes.predicted)
    if not runs:
        html.write_page(path, title, [classes.diverged], {})
        return
    repeats = agreement.flips_of_repeats(classes)
    everyone = table[table["missed"] == runs]
    cut = f"The last table shows {LISTED} of {len(everyone)} images. All are in agreement.csv."
    parts = {
        "How many runs miss an image": _counts(table, runs),
        "What a factor changes: images, mean of all comparisons": _changes(changes, repeats),
        f"Images that all {runs} runs get wrong": _images(everyone.head(LISTED), names),
    }
    texts = [classes.diverged, _summary(classes, table), *_chance(changes, classes.diverged, repeats)]
    texts.append(cut if len(everyone) > LISTED else "")
    html.write_page(path, title, texts, parts, _STYLE)


def _summary(classes: Classes, table: pd.DataFrame) -> str:
    (runs, images), seeds = classes.predicted.shape, len(set(classes.seeds))
    by_seed = agreement.missed_by_all_conditions(classes)
    text = (
        f"{len(table):,} of {images:,} test images are missed by one or more of {runs} runs "
        f"({len(set(classes.conditions))} distinct conditions, {words.count(seeds, 'seed')}), and "
        f"{int((table['missed'] == runs).sum())} by all."
    )
    same = (
        f"Within one seed, all conditions miss the same {np.mean(by_seed):.1f} images on average ({min(by_seed)} to "
        f"{max(by_seed)})."
    )
    return words.finished(text, same if seeds > 1 else "")


def _chance(changes: Sequence[Flips], diverged: str, repeats: float | None) -> list[str]:
    if not changes:
        return [] if diverged else [NO_FACTORS]
    text = (
        "A comparison is a pair of runs with one seed that differ in the factor and in nothing else. The factor fixes "
        "an image if the run without it is wrong and the run with it is right. It breaks an image in the reverse case. "
        "Every two runs differ in some images. If a factor has no effect, it fixes about as many images as it breaks. "
        "So only the difference of the two numbers is about the factor."
    )
    others = (
        f"Two runs of one condition with different seeds fix and break {repeats:.1f} images each, on average, and "
        "there the settings have no part in it."
        if repeats is not None
        else ""
    )
    return [
        words.finished(text, others),
        "An image that all comparisons fix, or all break, can still be chance. The last column says how many of each "
        "kind to expect if every comparison fixes or breaks with probability 1/2 the images that it changes.",
    ]


def _counts(table: pd.DataFrame, runs: int) -> pd.DataFrame:
    """Number of images by the share of runs that miss them."""
    missed = table["missed"]
    rows = {f"all {runs} runs": missed == runs} if runs > 1 else {}
    rows |= {
        "half of the runs or more": missed * 2 >= runs,
        "two runs or more": missed >= 2,
        "one run or more": missed >= 1,
    }
    return pd.DataFrame({"missed by": list(rows), "images": [int(chosen.sum()) for chosen in rows.values()]})


def _changes(changes: Sequence[Flips], repeats: float | None) -> pd.DataFrame:
    rows = []
    for change in changes:
        fixed, broken = (count.sum() / change.comparisons for count in (change.fixed, change.broken))
        rows.append(
            {
                "factor": change.name,
                "comparisons": str(change.comparisons),
                "fixed": f"{fixed:.1f}",
                "broken": f"{broken:.1f}",
                "fixed minus broken": words.signed(fixed - broken, 1) if abs(fixed - broken) >= 0.05 else "0.0",
                "fixed by all": str(change.always_fixed),
                "broken by all": str(change.always_broken),
                "each by chance": f"{change.by_chance:.1f}",
            }
        )
    if rows and repeats is not None:
        count = f"{repeats:.1f}"
        rows.append({"factor": "another seed, for comparison", "fixed": count, "broken": count})
    return pd.DataFrame(rows).fillna("")


def _images(table: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    files = {"file": table["file"]} if table["file"].any() else {}
    return pd.DataFrame(
        {
            "image": table["image"],
            **files,
            "actual": [names[label] for label in table["label"]],
            "most common prediction": [names[label] for label in table["predicted"]],
            "by runs": [f"{times} of {runs}" for times, runs in zip(table["times"], table["runs"], strict=True)],
        }
    )


def _tiles(table: pd.DataFrame, data: Dataset, texts: Mapping[int, str]) -> dict[int, Tile]:
    """Images with their class, their most common wrong class and a smaller text. All are rows of the table."""
    known = table.set_index("image").loc[list(texts), ["label", "predicted"]].astype(int)
    pairs = dict(zip(known.index, known.itertuples(index=False, name=None), strict=True))
    classes = tiles.between([str(name) for name in data.class_names], pairs.values())
    return {
        image: Tile(
            data.test_images[image],
            classes[pairs[image]],
            f"{text}\nimage {image}{tiles.file_line(data.file_of(image))}",
        )
        for image, text in texts.items()
    }


@matplotlib.rc_context(style.RC)
def draw_hardest(table: pd.DataFrame, data: Dataset, title: str, diverged: str = "") -> Figure:
    """Draws the first `MOST` images of the table of `agreement.tabulate`, five in a row.

    `diverged` is a sentence on the runs that diverged.
    """
    known = table.head(MOST).set_index("image")
    caption = _caption(len(known), len(table), len(data.test_labels))
    shown = _tiles(table, data, {int(image): _of_runs(row) for image, row in known.iterrows()})
    found = {f"image {image}": tile for image, tile in shown.items()}
    return tiles.gallery(found, title, style.joined(caption, diverged), "No mistakes: every run is right.")


def _caption(shown: int, total: int, images: int) -> str:
    """Says which images are shown, and how many there are."""
    if not total:
        return f"no run misses any of {images:,} images"
    among = f"that one or more runs miss, among {images:,}; actual → most common wrong class"
    if shown < total:
        return f"the {shown} hardest of {total:,} images {among}"
    return f"all {total} images {among}, the hardest first" if total > 1 else f"the only image {among}"


def _of_runs(found: pd.Series) -> str:
    """How many runs miss an image, short enough for a tile."""
    runs, missed = found["runs"], found["missed"]
    many = "all" if missed == runs and runs > 1 else missed
    return f"missed by\n{many} of {runs}"


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
    if not changes:
        return style.only_words(title, diverged or NO_FACTORS)
    total, changes = len(changes), _strongest(changes)
    sides = [[_most(change, side) for side in ("fixed", "broken")] for change in changes]
    drawn = [[_tiles(table, data, side.images) for side in pair] for pair in sides]
    layout = Layout.of(tile for pair in drawn for found in pair for tile in found.values())
    row = _NAME + 2 * (_LINE + layout.height) + 0.1
    width, height = EACH * layout.width + 0.3, len(changes) * row + tiles.HEAD
    figure = style.new_figure(width, height)
    among = _SOME.format(len(changes), total) if total > len(changes) else _SUBTITLE
    style.heading(figure, title, style.joined(among, diverged))
    for number, (change, pair, rows) in enumerate(zip(changes, sides, drawn, strict=True)):
        top = height - tiles.HEAD - number * row
        figure.text(tiles.EDGE / width, top / height, change.name, size=11, weight="bold", va="top")
        for place, (side, found) in enumerate(zip(pair, rows, strict=True)):
            up = top - _NAME - place * (_LINE + layout.height)
            figure.text(tiles.EDGE / width, (up - 0.07) / height, side.heading, size=9.5, color=style.GREY, va="top")
            tiles.draw_rows(figure, {f"{side.name} {i}": tile for i, tile in found.items()}, layout, up - _LINE)
    return figure


def _strongest(changes: Sequence[Flips]) -> list[Flips]:
    """At most `_MOST_FACTORS` of the changes, in their order: those that change most in one direction."""
    mean = [abs(float(change.fixed.sum() - change.broken.sum())) / change.comparisons for change in changes]
    chosen = np.argsort(-np.array(mean), kind="stable")[:_MOST_FACTORS]
    return [changes[place] for place in sorted(chosen)]


def _most(change: Flips, side: str) -> _Side:
    """Chooses the images that are changed most clearly in this direction and not in the other, ties by index."""
    counts = {"fixed": change.fixed, "broken": change.broken}
    own = counts.pop(side)
    ((other, against),) = counts.items()
    more = own.astype(int) - against
    order = [int(image) for image in np.argsort(-more, kind="stable")[:EACH] if more[image] > 0]
    texts = {i: f"{side} {own[i]}\n{other} {against[i]}" for i in order}
    heading = f"{side}: {own.sum() / change.comparisons:.1f} images, mean of {change.comparisons} comparisons"
    return _Side(f"{change.name} {side}", heading, texts)


def make(job: Job) -> None:
    """The table with its page, and the pictures of the images."""
    found, changes = job.agreement
    table = agreement.tabulate(found, changes, job.data)
    job.write("agreement.csv", table_of(changes), table)
    names = [str(name) for name in job.data.class_names]
    write(job.folder / "agreement.html", f"Agreement of runs: {job.title}", found, table, changes, names)
    titles = f"Hardest images: {job.title}", f"Fixed and broken: {job.title}"
    hardest, changed = (style.only_words(title, found.diverged) for title in titles)
    if len(found.predicted):
        hardest = draw_hardest(table, job.data, titles[0], found.diverged)
        changed = draw_changes(changes, table, job.data, titles[1], found.diverged)
    style.save(hardest, job.folder / "agreement.png")
    style.save(changed, job.folder / "fixed_and_broken.png")
