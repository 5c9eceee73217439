"""The summary of a study as a page of the report: final beside best accuracy, and how far to trust differences."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from normreg.analysis import summary as summaries
from normreg.analysis.quantities import QUANTITIES
from normreg.report import html, words
from normreg.report.job import Job

_COLUMNS = (  # in the order of the page
    "condition",
    "seed",
    "seeds",
    "diverged",
    "diverged_epoch",
    "final_accuracy",
    "final_minimum",
    "final_maximum",
    "best_accuracy",
    "best_epoch",
    "last5_accuracy",
    "test_accuracy",
    "mistakes",
    "final_loss",
    "train_accuracy",
    "generalization_gap",
    "first_epoch_at_target",
    "engine",
    "seconds",
    "images_per_second",
)
_RANGE = {"final_minimum": "lowest", "final_maximum": "highest"}  # of the final accuracy, beside it
_SHORT = {"last5_accuracy": "last five epochs %"}
_FINAL = (
    "Final is the accuracy after the last epoch, which is that of the saved model. Best is the maximum over the "
    "epochs. It is picked on the validation split itself, so it is optimistic."
)
_ONE_SEED = "With one seed per condition this table does not tell an effect from noise. Repeat with --config seeds=5."


def write(
    path: str | Path,
    title: str,
    summary: pd.DataFrame,
    holdout_images: int,
    test_images: int,
    comparison: str | None = None,
    target: float | None = None,
) -> None:
    """Writes the table of `summary.summarise` as HTML. With several seeds, means per condition come first.

    `holdout_images` is 0 if validation uses the test split.

    `comparison` is a sentence that says why the run is not compared with published results, or None. `target` is the
    accuracy in percent of which the first epoch is told, or None.
    """
    several = summary["seed"].nunique() > 1
    split = ""
    if holdout_images:
        split = (
            f"Validation uses a hold-out of {holdout_images:,} training images, as do final, best and last five. "
            f"Test values and mistakes are of the saved model on the {test_images:,} test images."
        )
    else:
        summary = summary.drop(columns="test_accuracy")  # it is the final accuracy
    if target is None:
        summary = summary.drop(columns="first_epoch_at_target", errors="ignore")
    else:
        split += f" The target is a validation accuracy of {target:g} %."
    means = "Mean over seeds, with the range of the final accuracy"
    pages = {means: _format(summaries.by_condition(summary))} if several else {}
    pages["One row per condition and seed" if several else ""] = _format(summary)
    error = _error(summary["final_accuracy"].dropna(), holdout_images or test_images)
    trust = words.finished(_FINAL, error, "" if several else _ONE_SEED)
    html.write_page(path, title, [summaries.diverged(summary), trust, split, comparison or ""], pages)


def _error(accuracies: pd.Series, images: int) -> str:
    """Says how much an accuracy depends on the choice of the images."""
    if accuracies.empty:
        return ""
    error = summaries.standard_error(accuracies.median(), images)
    return (
        f"On {images:,} images the sampling standard error of one accuracy is about {error:.2f} points "
        f"({error / 100 * images:.0f} images)."
    )


def _format(summary: pd.DataFrame) -> pd.DataFrame:
    columns = {}
    for key in _COLUMNS:
        if key in summary and not (key.startswith("diverged") and not summary[key].fillna(0).any()):
            heading, write_value = _column(key)
            columns[heading] = [words.known(value, write_value) for value in summary[key]]
    return pd.DataFrame(columns)


def _column(key: str) -> tuple[str, Callable[[Any], str]]:
    """The heading of a column, and the function that writes its values as text."""
    if key in _RANGE:
        return _RANGE[key], QUANTITIES["final_accuracy"].write
    if key in QUANTITIES:
        return _SHORT.get(key, QUANTITIES[key].label), QUANTITIES[key].write
    return key, str


def make(job: Job) -> None:
    """The page of `summary.csv`."""
    held_out, images = job.runs[0]["holdout_images"], len(job.data.test_labels)
    title, comparison = f"Summary: {job.title}", job.params.comparison
    write(job.folder / "summary.html", title, job.summary, held_out, images, comparison, job.params.target)
