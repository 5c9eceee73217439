"""Summarises runs as tables of numbers. Reads their files, never models, and imports no PyTorch."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from normreg.analysis import metrics, predictions, run_tables, study_tables
from normreg.config import identity
from normreg.config.identity import RunFacts
from normreg.errors import AGAIN, DataError
from normreg.utils import tables

TARGET_ACCURACY = 99.4  # percent; the aim of the published studies
LAST = 5  # epochs in the "last five" means
_COLUMNS = ("train_accuracy", "validation_accuracy", "validation_loss", "seconds")


def run_summary(run: RunFacts, files: Mapping[str, str], train_images: int, labels: np.ndarray) -> dict[str, Any]:
    """One row of `summary.csv`: a condition with a seed.

    Args:
        run: the run whose files they are.
        files: paths of `metrics`, `predictions` and `weights`.
        train_images: images in an epoch.
        labels: the labels of the validation images, (N,).

    Returns:
        Accuracies in percent, losses as mean cross-entropy. `final` is the last epoch, `best` the best epoch. `best` is
        optimistic, because it is chosen on the validation split. `generalization_gap` is the final training accuracy
        minus the final validation accuracy.

    Raises:
        DataError: a file cannot be read, is of another run, or disagrees with the others.
    """
    table = metrics.read(files["metrics"], _COLUMNS, run["identity"], run["epochs"])
    accuracy, loss, seconds = table["validation_accuracy"], table["validation_loss"], table["seconds"].sum()
    predicted = predictions.load(files["predictions"], labels, run["identity"])
    predictions.check_accuracy(files["predictions"], predicted, accuracy[-1])
    reached = table["epoch"][accuracy >= TARGET_ACCURACY]
    return {
        **{key: run[key] for key in ("condition", "penalty", "norm", "seed")},
        "parameters": count_parameters(files["weights"], run["identity"]),
        "epochs": len(accuracy),
        "final_accuracy": accuracy[-1],
        "best_accuracy": accuracy.max(),
        "best_epoch": int(table["epoch"][accuracy.argmax()]),
        "last5_accuracy": accuracy[-LAST:].mean(),
        "mistakes": int(predicted.wrong.sum()),
        "final_loss": loss[-1],
        "best_loss": loss.min(),
        "last5_loss": loss[-LAST:].mean(),
        "train_accuracy": table["train_accuracy"][-1],
        "generalization_gap": table["train_accuracy"][-1] - accuracy[-1],
        "first_epoch_at_99.4": int(reached[0]) if len(reached) else None,
        "engine": predicted.engine,
        "seconds": seconds,
        "images_per_second": train_images * len(accuracy) / seconds,
        "run": run["identity"],
    }


def count_parameters(path: str | Path, run: str) -> int:
    """The number of a model's parameters, from the `weights.csv` of the run with the identity `run`.

    Raises:
        DataError: the file is unreadable, was changed, or is of another run.
    """
    table = tables.read(path, run_tables.WEIGHTS)
    for found in dict.fromkeys(table["run"]):
        identity.check(path, found, run)
    return sum(table["elements"])


def by_condition(summary: pd.DataFrame) -> pd.DataFrame:
    """Mean over seeds per condition, with the range of the final accuracy. Conditions keep their order."""
    groups = summary.groupby("condition", sort=False)
    means = groups[["final_accuracy", "best_accuracy", "last5_accuracy", "final_loss", "train_accuracy"]].mean()
    means.insert(1, "final_minimum", groups["final_accuracy"].min())
    means.insert(2, "final_maximum", groups["final_accuracy"].max())
    means.insert(0, "seeds", groups["seed"].count())
    return means.reset_index()


def standard_error(accuracy: float, images: int) -> float:
    """Sampling standard error, in points, of an accuracy in percent measured on `images` images (binomial)."""
    share = accuracy / 100
    return 100 * float(np.sqrt(share * (1 - share) / images))


def summarise(
    runs: Sequence[RunFacts], files: Sequence[Mapping[str, str]], train_images: int, labels: np.ndarray
) -> pd.DataFrame:
    """`summary.csv`: `run_summary` of each run, in order."""
    rows = [run_summary(run, paths, train_images, labels) for run, paths in zip(runs, files, strict=True)]
    return pd.DataFrame(rows).astype({"first_epoch_at_99.4": "Int64"})


def read(path: str | Path, runs: Sequence[RunFacts]) -> pd.DataFrame:
    """Reads the table that `summarise` made of `runs`.

    Raises:
        DataError: the file is unreadable, was changed, is of other runs, or has a run twice.
    """
    table = tables.read_frame(path, study_tables.SUMMARY)
    if len(table) != len(runs):
        raise DataError(f"{path}: holds {len(table)} runs, expected {len(runs)}. {AGAIN}")
    for found, run in zip(table["run"], runs, strict=True):
        identity.check(path, found, run["identity"])
    twice = table[table.duplicated(["condition", "seed"])]
    if len(twice):
        condition, seed = twice.iloc[0][["condition", "seed"]]
        raise DataError(f"{path}: condition {condition} with seed {seed} is there twice, expected once. {AGAIN}")
    return table
