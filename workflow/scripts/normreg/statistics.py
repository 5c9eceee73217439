"""What a run's files say, in numbers. Reads files, never models; imports no PyTorch."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from normreg import predictions
from normreg.errors import DataError

TARGET_ACCURACY = 99.4  # percent; what the published studies aimed at
LAST = 5  # epochs in the "last five" means


def read_metrics(path: str | Path) -> pd.DataFrame:
    """`metrics.csv`, a row an epoch from 1.

    Raises:
        DataError: unreadable, or epochs are missing.
    """
    try:
        metrics = pd.read_csv(path)
        complete = list(metrics["epoch"]) == list(range(1, len(metrics) + 1)) and len(metrics) > 0
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{path}: cannot be read as metrics ({error}). Delete it and run the same command again."
        ) from error
    if not complete:
        raise DataError(f"{path}: epochs are not 1, 2, 3, ... without gaps. Delete it and run the same command again.")
    return metrics


def run_summary(run: Mapping[str, Any], files: Mapping[str, str], train_images: int) -> dict[str, Any]:
    """One row of `summary.csv`: a condition with a seed.

    Args:
        run: condition, penalty, norm and seed.
        files: paths of `metrics`, `predictions` and `weights`.
        train_images: images in an epoch.

    Returns:
        Accuracies in percent, losses as mean cross-entropy. `final` is the last epoch, `best` the maximum over epochs
        (optimistic: chosen on the validation split). `generalization_gap` is final training minus validation accuracy.
    """
    metrics = read_metrics(files["metrics"])
    accuracy, loss = metrics["validation_accuracy"], metrics["validation_loss"]
    last, tail = metrics.iloc[-1], metrics.tail(LAST)
    reached = metrics.loc[accuracy >= TARGET_ACCURACY, "epoch"]
    saved = predictions.load(files["predictions"])
    return {
        **run,
        "parameters": int(pd.read_csv(files["weights"])["elements"].sum()),
        "epochs": len(metrics),
        "final_accuracy": last["validation_accuracy"],
        "best_accuracy": accuracy.max(),
        "best_epoch": int(metrics.loc[accuracy.idxmax(), "epoch"]),
        "last5_accuracy": tail["validation_accuracy"].mean(),
        "mistakes": int(saved.wrong.sum()),
        "final_loss": last["validation_loss"],
        "best_loss": loss.min(),
        "last5_loss": tail["validation_loss"].mean(),
        "train_accuracy": last["train_accuracy"],
        "generalization_gap": last["train_accuracy"] - last["validation_accuracy"],
        "first_epoch_at_99.4": int(reached.iloc[0]) if len(reached) else None,
        "seconds": metrics["seconds"].sum(),
        "images_per_second": train_images * len(metrics) / metrics["seconds"].sum(),
    }


def by_condition(summary: pd.DataFrame) -> pd.DataFrame:
    """Mean over seeds per condition, with the range of the final accuracy; conditions keep their order."""
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


def summarise(runs: Sequence[Mapping[str, Any]], files: Sequence[Mapping[str, str]], train_images: int) -> pd.DataFrame:
    """`summary.csv`: `run_summary` of each run, in order."""
    rows = [run_summary(run, paths, train_images) for run, paths in zip(runs, files, strict=True)]
    return pd.DataFrame(rows).astype({"first_epoch_at_99.4": "Int64"})
