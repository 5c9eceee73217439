"""The last five epochs of every run, as ashxjain's study prints them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from normreg.analysis import metrics
from normreg.analysis.quantities import QUANTITIES
from normreg.analysis.summary import LAST
from normreg.pages import html
from normreg.utils.atomic import replacing

COLUMNS = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")


def collect(runs: Sequence[Mapping[str, Any]], files: Sequence[str | Path]) -> pd.DataFrame:
    """One row for each of the last five epochs of each `metrics.csv`: condition, seed, epoch and `COLUMNS`."""
    frames = []
    for run, file in zip(runs, files, strict=True):
        frame = pd.DataFrame(metrics.read(file, COLUMNS)).tail(LAST)
        frame.insert(0, "condition", run["condition"])
        frame.insert(1, "seed", run["seed"])
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def write(table: pd.DataFrame, title: str, page: str | Path, csv: str | Path) -> None:
    """Writes the table of `collect` as CSV and as a page."""
    with replacing(csv) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")
    shown = table[["condition", "seed", "epoch"]].copy()
    for quantity in (QUANTITIES[name] for name in COLUMNS):
        shown[quantity.label] = [quantity.write(value) for value in table[quantity.key]]
    text = "Training figures are running means, with dropout and augmentation on. Losses are without penalty."
    html.write_page(page, title, [text], {"": shown})
