"""What a run's files say, in numbers. Reads files, never models; imports no PyTorch."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from normreg.analysis import metrics, predictions

TARGET_ACCURACY = 99.4  # percent; what the published studies aimed at
LAST = 5  # epochs in the "last five" means
_COLUMNS = ("train_accuracy", "validation_accuracy", "validation_loss", "seconds")


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
    table = metrics.read(files["metrics"], _COLUMNS)
    accuracy, loss, seconds = table["validation_accuracy"], table["validation_loss"], table["seconds"].sum()
    predicted = predictions.load(files["predictions"])
    reached = table["epoch"][accuracy >= TARGET_ACCURACY]
    return {
        **run,
        "parameters": int(pd.read_csv(files["weights"])["elements"].sum()),
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
