"""Summarises runs as tables of numbers. Reads their files, never models, and imports no PyTorch."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from normreg.analysis import divergence, metrics, predictions, run_tables, study_tables
from normreg.analysis.predictions import HOLDOUT, TEST, Diverged, Predictions
from normreg.analysis.quantities import effect_quantities
from normreg.config.identity import RunFacts
from normreg.errors import AGAIN, DataError
from normreg.utils import tables

TARGET_ACCURACY = 99.4  # percent; the aim of the published studies
LAST = 5  # epochs in the "last five" means
_COLUMNS = ("train_accuracy", "validation_accuracy", "validation_loss", "seconds")


def run_summary(
    run: RunFacts, files: Mapping[str, str], labels: np.ndarray, classes: int, holdout: np.ndarray | None
) -> dict[str, Any]:
    """One row of `summary.csv`: a condition with a seed.

    Args:
        run: the run whose files they are.
        files: paths of `metrics`, `predictions` and `weights`.
        labels: the labels of the test images, (N,).
        classes: how many classes the data set has.
        holdout: the labels of the images of the hold-out, (H,). None: the test images are for validation.

    Returns:
        Accuracies in percent, losses as mean cross-entropy. `final` is the last epoch, `best` the best epoch. `best` is
        optimistic, because it is chosen on the validation split. `test` is the saved model on the test images.
        `last5` is None unless each of the last five epochs has validation. `generalization_gap` is the final training
        accuracy minus the final validation accuracy. Of a run that diverged, `diverged_epoch` says when, and all that
        is measured (`study_tables.MEASURED`) is None.

    Raises:
        DataError: a file cannot be read, is of another run, or disagrees with the others.
    """
    table = metrics.read(files["metrics"], _COLUMNS, run["identity"], run["epochs"])
    path, owner = files["predictions"], run["identity"]
    tested = predictions.load(path, labels, classes, owner)
    row: dict[str, Any] = {
        **{key: run[key] for key in ("condition", "penalty", "norm", "seed", "epochs")},
        "parameters": count_parameters(files["weights"], owner),
        "diverged_epoch": tested.epoch if isinstance(tested, Diverged) else None,
        "validation": TEST if holdout is None else HOLDOUT,
        "engine": tested.engine,
        "run": owner,
    }
    # Of a run whose losses are finite, the saved model can give other logits: then it diverged in its last epoch.
    early = metrics.diverged(table, run["epochs"])
    if early != row["diverged_epoch"] and (early, row["diverged_epoch"]) != (None, run["epochs"]):
        raise DataError(f"{path}: it and metrics.csv beside it diverged in different epochs. {predictions.NOT_OF_ONE}")
    if isinstance(tested, Diverged):
        return row | dict.fromkeys(study_tables.MEASURED)
    validated = tested if holdout is None else predictions.load(path, holdout, classes, owner, HOLDOUT)
    assert isinstance(validated, Predictions)  # as the file's other split is
    predictions.check_accuracy(path, validated, table["validation_accuracy"][-1])
    row |= {"mistakes": int(tested.wrong.sum()), "test_accuracy": tested.accuracy, "test_loss": tested.loss}
    return row | _of_epochs(table, run["train_images"])


def _of_epochs(table: Mapping[str, np.ndarray], train_images: int) -> dict[str, Any]:
    """The cells of `run_summary` that `metrics.csv` gives."""
    accuracy, loss, seconds = table["validation_accuracy"], table["validation_loss"], table["seconds"].sum()
    last = slice(-LAST, None)
    reached = table["epoch"][accuracy >= TARGET_ACCURACY]
    return {
        "final_accuracy": accuracy[-1],
        "best_accuracy": np.nanmax(accuracy),
        "best_epoch": int(table["epoch"][np.nanargmax(accuracy)]),
        "last5_accuracy": _known(accuracy[last].mean()),
        "final_loss": loss[-1],
        "best_loss": np.nanmin(loss),
        "last5_loss": _known(loss[last].mean()),
        "train_accuracy": table["train_accuracy"][-1],
        "generalization_gap": table["train_accuracy"][-1] - accuracy[-1],
        "first_epoch_at_99.4": int(reached[0]) if len(reached) else None,
        "seconds": seconds,
        "images_per_second": train_images * len(accuracy) / seconds,
    }


def effects_of(summary: pd.DataFrame) -> tuple[str, str]:
    """The accuracy and the loss whose effects are estimated, as keys of `quantities.QUANTITIES`."""
    unknown = summary["last5_accuracy"].isna() & summary["diverged_epoch"].isna()
    held_out = bool((summary["validation"] == HOLDOUT).any() or unknown.any())
    return effect_quantities(int(summary["epochs"].min()), held_out)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def count_parameters(path: str | Path, run: str) -> int:
    """The number of a model's parameters, from the `weights.csv` of the run with the identity `run`.

    Raises:
        DataError: the file is unreadable, was changed, or is of another run.
    """
    return sum(tables.read(path, run_tables.WEIGHTS, run)["elements"])


def by_condition(summary: pd.DataFrame) -> pd.DataFrame:
    """Mean over seeds per condition, with the range of the final accuracy. Conditions keep their order.

    Runs that diverged are counted beside the seeds and have no part in the means.
    """
    groups = summary.groupby("condition", sort=False)
    shown = ("final_accuracy", "best_accuracy", "last5_accuracy", "test_accuracy", "final_loss", "train_accuracy")
    means = groups[[name for name in shown if name in summary]].mean()
    means.insert(1, "final_minimum", groups["final_accuracy"].min())
    means.insert(2, "final_maximum", groups["final_accuracy"].max())
    means.insert(0, "seeds", groups["final_accuracy"].count())
    means.insert(1, "diverged", groups["diverged_epoch"].count())
    return means.reset_index()


def standard_error(accuracy: float, images: int) -> float:
    """Sampling standard error, in points, of an accuracy in percent measured on `images` images (binomial)."""
    share = accuracy / 100
    return 100 * float(np.sqrt(share * (1 - share) / images))


def summarise(
    runs: Sequence[RunFacts],
    files: Sequence[Mapping[str, str]],
    labels: np.ndarray,
    classes: int,
    holdout: np.ndarray | None = None,
) -> pd.DataFrame:
    """`summary.csv`: `run_summary` of each run, in order."""
    rows = [run_summary(run, paths, labels, classes, holdout) for run, paths in zip(runs, files, strict=True)]
    kinds = {name: study_tables.SUMMARY.columns[name] for name in ("diverged_epoch", *study_tables.MEASURED)}
    return pd.DataFrame(rows).astype({name: "Int64" if kind is int else kind for name, kind in kinds.items()})


def diverged(summary: pd.DataFrame) -> str:
    """A sentence on the runs that diverged. Empty if none did."""
    return divergence.sentence(zip(summary["condition"], summary["diverged_epoch"].notna(), strict=True))


def read(path: str | Path, runs: Sequence[RunFacts]) -> pd.DataFrame:
    """Reads the table that `summarise` made of `runs`.

    Raises:
        DataError: the file is unreadable, was changed, is of other runs, has a run twice, or lacks a number of a run
            that did not diverge.
    """
    table = tables.read_frame(path, study_tables.SUMMARY)
    if len(table) != len(runs):
        raise DataError(f"{path}: holds {len(table)} runs, expected {len(runs)}. {AGAIN}")
    for found, run in zip(table["run"], runs, strict=True):
        tables.check_run(path, found, run["identity"])
    measured = [name for name in study_tables.MEASURED if name not in study_tables.MAY_BE_UNKNOWN]
    if (table[measured].notna().all(axis=1) == table["diverged_epoch"].notna()).any():
        raise DataError(f"{path}: a run lacks numbers and did not diverge, or the other way round. {AGAIN}")
    twice = table[table.duplicated(["condition", "seed"])]
    if len(twice):
        condition, seed = twice.iloc[0][["condition", "seed"]]
        raise DataError(f"{path}: condition {condition} with seed {seed} is there twice, expected once. {AGAIN}")
    return table
