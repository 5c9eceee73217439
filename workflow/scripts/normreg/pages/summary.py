"""The summary of a study as a page a person reads: best and final accuracy side by side, and what one seed can show."""

from pathlib import Path

import pandas as pd

from normreg.analysis import summary as summaries
from normreg.pages import html

_COLUMNS = {
    "condition": ("condition", "{}"),
    "seed": ("seed", "{}"),
    "seeds": ("seeds", "{}"),
    "final_accuracy": ("final accuracy %", "{:.2f}"),
    "final_minimum": ("lowest", "{:.2f}"),
    "final_maximum": ("highest", "{:.2f}"),
    "best_accuracy": ("best accuracy %", "{:.2f}"),
    "best_epoch": ("at epoch", "{}"),
    "last5_accuracy": ("last five epochs %", "{:.3f}"),
    "mistakes": ("mistakes", "{}"),
    "final_loss": ("final loss", "{:.4f}"),
    "train_accuracy": ("training accuracy %", "{:.2f}"),
    "generalization_gap": ("gap", "{:+.2f}"),
    "first_epoch_at_99.4": ("99.4 % at epoch", "{:.0f}"),
    "engine": ("engine", "{}"),
    "seconds": ("seconds", "{:.0f}"),
    "images_per_second": ("images/s", "{:,.0f}"),
}


def write(path: str | Path, title: str, summary: pd.DataFrame, validation_images: int) -> None:
    """Writes `summary` (see `statistics.summarise`) as HTML; with several seeds, means per condition come first."""
    seeds = summary["seed"].nunique()
    pages = {"One row per condition and seed" if seeds > 1 else "": _format(summary)}
    if seeds > 1:
        pages = {
            "Mean over seeds, with the range of the final accuracy": _format(summaries.by_condition(summary))
        } | pages
    html.write_page(path, title, [_reading(summary, validation_images, seeds)], pages)


def _reading(summary: pd.DataFrame, images: int, seeds: int) -> str:
    """How far a reader may trust the differences."""
    error = summaries.standard_error(summary["final_accuracy"].median(), images)
    text = (
        "Final is the accuracy after the last epoch, and of the saved model. Best is the maximum over epochs, chosen "
        f"on the validation split itself and so optimistic. On {images:,} images the sampling standard error of one "
        f"accuracy is about {error:.2f} points ({error / 100 * images:.0f} images)."
    )
    if seeds == 1:
        text += " One seed per condition: this table does not tell an effect from noise; repeat with --config seeds=5."
    return text


def _format(summary: pd.DataFrame) -> pd.DataFrame:
    columns = {}
    for key, (heading, form) in _COLUMNS.items():
        if key in summary:
            columns[heading] = [None if pd.isna(value) else form.format(value) for value in summary[key]]
    return pd.DataFrame(columns)
