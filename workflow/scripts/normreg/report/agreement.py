"""Images that runs get wrong together, and that factors fix or break, as a page of the report."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from normreg.analysis import agreement, study_tables
from normreg.analysis.agreement import Classes, Flips
from normreg.report import agreement_figure as figures
from normreg.report import html, style
from normreg.report.job import Job

MOST = 50  # rows of the table of images
_STYLE = "table:last-of-type td { white-space: normal; max-width: min(22em, 28vw); overflow-wrap: anywhere; }"  # names


def write(
    path: str | Path, title: str, classes: Classes, table: pd.DataFrame, changes: Sequence[Flips], names: Sequence[str]
) -> None:
    """Writes what `agreement` found: the `table` of images, the `changes` by factors. `names` are those of classes."""
    runs, images = classes.predicted.shape
    said = [classes.diverged] if classes.diverged else []
    if not runs:
        html.write_page(path, title, said, {})
        return
    everyone = table[table["missed"] == runs]
    parts = {"How many runs miss an image": _counts(table, runs)}
    texts = [
        *said,
        _summary(classes, table, images),
        *_chance(changes, bool(said), agreement.flips_of_repeats(classes)),
    ]
    if changes:
        parts["What a factor changes: images, mean of all comparisons"] = _changes(
            changes, agreement.flips_of_repeats(classes)
        )
    if len(everyone):
        parts[f"Images that all {runs} runs get wrong"] = _images(everyone.head(MOST), names)
    if len(everyone) > MOST:
        texts.append(f"The last table shows {MOST} of {len(everyone)} images. All are in agreement.csv.")
    html.write_page(path, title, texts, parts, _STYLE)


def _summary(classes: Classes, table: pd.DataFrame, images: int) -> str:
    runs, seeds = len(classes.predicted), len(set(classes.seeds))
    conditions = len(set(classes.conditions))
    by_seed = agreement.missed_by_all_conditions(classes)
    text = (
        f"{len(table):,} of {images:,} test images are missed by one or more of {runs} runs ({conditions} distinct "
        f"conditions, {seeds} seed{'s' if seeds > 1 else ''}), and {int((table['missed'] == runs).sum())} by all."
    )
    if seeds > 1:
        mean = sum(by_seed) / seeds
        text += (
            f" Within one seed, all conditions miss the same {mean:.1f} images on average ({min(by_seed)} to "
            f"{max(by_seed)})."
        )
    return text


def _chance(changes: Sequence[Flips], diverged: bool, repeats: float | None) -> list[str]:
    if not changes:
        none = "This study has no two conditions with and without a factor that are otherwise equal."
        return [] if diverged else [none]
    text = (
        "A comparison is a pair of runs with one seed that differ in the factor and in nothing else. The factor fixes "
        "an image if the run without it is wrong and the run with it is right. It breaks an image in the reverse case. "
        "Every two runs differ in some images. If a factor has no effect, it fixes about as many images as it breaks. "
        "So only the difference of the two numbers is about the factor."
    )
    if repeats is not None:
        text += (
            f" Two runs of one condition with different seeds fix and break {repeats:.1f} images each, on average, and "
            "there the settings have no part in it."
        )
    return [
        text,
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
                "fixed minus broken": _signed(fixed - broken),
                "fixed by all": str(change.always_fixed),
                "broken by all": str(change.always_broken),
                "each by chance": f"{change.by_chance:.1f}",
            }
        )
    if repeats is not None:
        count = f"{repeats:.1f}"
        rows.append({"factor": "another seed, for comparison", "fixed": count, "broken": count})
    return pd.DataFrame(rows).fillna("")


def _signed(value: float) -> str:
    text = f"{value:+.1f}".replace("-", "−")
    return "0.0" if text[1:] == "0.0" else text


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


def make(job: Job) -> None:
    """`agreement.csv` with its page, and the pictures of the images."""
    found, changes = job.agreement
    table = agreement.tabulate(found, changes, job.data)
    job.write("agreement.csv", study_tables.agreement(agreement.columns(changes)), table)
    names = [str(name) for name in job.data.class_names]
    write(job.folder / "agreement.html", f"Agreement of runs: {job.title}", found, table, changes, names)
    titles = f"Hardest images: {job.title}", f"Fixed and broken: {job.title}"
    hardest, changed = (style.only_words(title, found.diverged) for title in titles)
    if len(found.predicted):
        hardest = figures.draw_hardest(table, job.data, titles[0], found.diverged)
        changed = figures.draw_changes(changes, table, job.data, titles[1], found.diverged)
    style.save(hardest, job.folder / "agreement.png")
    style.save(changed, job.folder / "fixed_and_broken.png")
