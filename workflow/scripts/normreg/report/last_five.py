"""The last five epochs of every run, as ashxjain's study prints them."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from normreg.analysis import run_tables, study_tables
from normreg.analysis.quantities import QUANTITIES
from normreg.analysis.summary import LAST
from normreg.config.identity import RunFacts
from normreg.report import html
from normreg.report.job import Job
from normreg.utils import tables

COLUMNS = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")


def collect(runs: Sequence[RunFacts], files: Sequence[str | Path]) -> tuple[pd.DataFrame, str]:
    """One row for each of the last five epochs of each `metrics.csv`: condition, seed, epoch and `COLUMNS`.

    Runs that diverged have no rows. A sentence says which.
    """
    frames, lost = [], []
    for run, file in zip(runs, files, strict=True):
        table = run_tables.read_metrics(file, COLUMNS, run["identity"], run["epochs"])
        diverged = run_tables.diverged_epoch(table, run["epochs"]) is not None
        lost += [run["condition"]] if diverged else []
        frame = pd.DataFrame(table).tail(0 if diverged else LAST)
        frame.insert(0, "condition", run["condition"])
        frame.insert(1, "seed", run["seed"])
        frames.append(frame)
    return pd.concat(frames, ignore_index=True), run_tables.diverged_sentence(lost, [run["condition"] for run in runs])


def write(table: pd.DataFrame, title: str, page: str | Path, csv: str | Path, diverged: str = "") -> None:
    """Writes the table of `collect` as CSV and as a page."""
    tables.write_frame(csv, study_tables.LAST_FIVE, table)
    shown = table[["condition", "seed", "epoch"]].copy()
    for quantity in (QUANTITIES[name] for name in COLUMNS):
        shown[quantity.label] = ["" if pd.isna(value) else quantity.write(value) for value in table[quantity.key]]
    text = "Training figures are running means, with dropout and augmentation on. Losses are without penalty."
    html.write_page(page, title, [text, *filter(None, [diverged])], {"": shown})


def make(job: Job) -> None:
    """`last_five.csv` and its page."""
    table, diverged = collect(job.runs, job.input.metrics)
    paths = job.folder / "last_five.html", job.folder / "last_five.csv"
    write(table, f"Last five epochs: {job.title}", *paths, diverged)
