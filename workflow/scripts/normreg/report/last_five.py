"""The last five epochs of every run, as ashxjain's study prints them: `last_five.csv` and its page."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from normreg.analysis import run_tables
from normreg.analysis.quantities import QUANTITIES
from normreg.analysis.summary import LAST
from normreg.config.identity import RunFacts
from normreg.report import html, words
from normreg.report.job import Job
from normreg.utils.tables import Table, columns_of

COLUMNS = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
TABLE = Table(
    "last five epochs",
    columns_of(str, "condition") | columns_of(int, "seed", "epoch") | columns_of(float, *COLUMNS),
    may_be_empty=frozenset({"validation_loss", "validation_accuracy"}),
    sealed=False,
)


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


def write(path: str | Path, title: str, table: pd.DataFrame, diverged: str = "") -> None:
    """Writes the table of `collect` as a page."""
    shown = table[["condition", "seed", "epoch"]].copy()
    for quantity in (QUANTITIES[name] for name in COLUMNS):
        shown[quantity.label] = [words.known(value, quantity.write) or "" for value in table[quantity.key]]
    text = "Training figures are running means, with dropout and augmentation on. Losses are without penalty."
    html.write_page(path, title, [text, diverged], {"": shown})


def make(job: Job) -> None:
    """The table and its page."""
    table, diverged = collect(job.runs, job.input.metrics)
    job.write("last_five.csv", TABLE, table, sealed=False)
    write(job.folder / "last_five.html", f"Last five epochs: {job.title}", table, diverged)
