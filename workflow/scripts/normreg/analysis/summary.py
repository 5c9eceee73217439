"""The tables of all runs of a study: `summary.csv`, `runs.csv`, and one quantity by seeds and conditions."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from normreg.analysis import predictions, run_tables, study_tables
from normreg.analysis.predictions import HOLDOUT, TEST, Diverged, Predictions
from normreg.analysis.quantities import ACCURACY, LOSS, QUANTITIES, Quantity, effect_quantities
from normreg.config import datasets
from normreg.config.condition import Condition
from normreg.config.identity import RunFacts
from normreg.config.sizes import splits_used, trained_images
from normreg.errors import AGAIN, DataError
from normreg.utils import tables

LAST = 5  # epochs in the "last five" means
_COLUMNS = ("train_accuracy", "validation_accuracy", "validation_loss", "seconds")
_LISTED = {*study_tables.RUN_SETTINGS, "penalty", "norm"}  # settings that are columns of every `runs.csv`


def run_summary(
    run: RunFacts,
    files: Mapping[str, str],
    labels: np.ndarray,
    holdout: np.ndarray | None = None,
    target: float | None = None,
) -> dict[str, Any]:
    """One row of `summary.csv`: a condition with a seed.

    Args:
        run: the run whose files they are.
        files: paths of `metrics`, `predictions` and `weights`.
        labels: the labels of the test images, (N,).
        holdout: the labels of the images of the hold-out, (H,). None: the test images are for validation.
        target: the validation accuracy, in percent, of which the first epoch is told. None: of none.

    Returns:
        Accuracies in percent, losses as mean cross-entropy. `final` is the last epoch, `best` the best epoch. `best` is
        optimistic, because it is chosen on the validation split. `test` is the saved model on the test images.
        `OF_PREDICTIONS` is measured on the test images too, see `predictions.Predictions`.
        `last5` is NaN unless each of the last five epochs has validation. `generalization_gap` is the final training
        accuracy minus the final validation accuracy. Of a run that diverged, `diverged_epoch` says when, and all that
        is measured (`study_tables.MEASURED`) is None.

    Raises:
        DataError: a file cannot be read, is of another run, or disagrees with the others.
    """
    table = run_tables.read_metrics(files["metrics"], _COLUMNS, run["identity"], run["epochs"])
    path, owner = files["predictions"], run["identity"]
    tested = predictions.load(path, labels, owner)
    row: dict[str, Any] = {
        **{key: run[key] for key in ("condition", "penalty", "norm", "seed", "epochs")},
        "parameters": sum(tables.read(files["weights"], run_tables.WEIGHTS, owner)["elements"]),
        "diverged_epoch": tested.epoch if isinstance(tested, Diverged) else None,
        "validation": TEST if holdout is None else HOLDOUT,
        "engine": tested.engine,
        "run": owner,
    }
    # Of a run whose losses are finite, the saved model can give other logits: then it diverged in its last epoch.
    early = run_tables.diverged_epoch(table, run["epochs"])
    if early != row["diverged_epoch"] and (early, row["diverged_epoch"]) != (None, run["epochs"]):
        raise DataError(f"{path}: it and metrics.csv beside it diverged in different epochs. {predictions.NOT_OF_ONE}")
    if isinstance(tested, Diverged):
        return row | dict.fromkeys(study_tables.MEASURED)
    validated = tested if holdout is None else predictions.load(path, holdout, owner, HOLDOUT)
    assert isinstance(validated, Predictions)  # as the file's other split is
    predictions.check_accuracy(path, validated, table["validation_accuracy"][-1])
    row |= {"mistakes": int(tested.wrong.sum()), "test_accuracy": tested.accuracy, "test_loss": tested.loss}
    row |= {name: getattr(tested, name) for name in study_tables.OF_PREDICTIONS}
    return row | _of_epochs(table, run["train_images"], target)


def _of_epochs(table: Mapping[str, np.ndarray], train_images: int, target: float | None) -> dict[str, Any]:
    """The cells of `run_summary` that `metrics.csv` gives."""
    accuracy, loss, seconds = table["validation_accuracy"], table["validation_loss"], table["seconds"].sum()
    last = slice(-LAST, None)
    reached = table["epoch"][accuracy >= (np.inf if target is None else target)]
    return {
        "final_accuracy": accuracy[-1],
        "best_accuracy": np.nanmax(accuracy),
        "best_epoch": int(table["epoch"][np.nanargmax(accuracy)]),
        "last5_accuracy": accuracy[last].mean(),
        "final_loss": loss[-1],
        "best_loss": np.nanmin(loss),
        "last5_loss": loss[last].mean(),
        "train_accuracy": table["train_accuracy"][-1],
        "generalization_gap": table["train_accuracy"][-1] - accuracy[-1],
        "first_epoch_at_target": int(reached[0]) if len(reached) else None,
        "seconds": seconds,
        "images_per_second": train_images * len(accuracy) / seconds,
    }


def effects_of(summary: pd.DataFrame) -> tuple[str, str]:
    """The accuracy and the loss whose effects are estimated, as keys of `quantities.QUANTITIES`."""
    unknown = summary["last5_accuracy"].isna() & summary["diverged_epoch"].isna()
    held_out = bool((summary["validation"] == HOLDOUT).any() or unknown.any())
    return effect_quantities(int(summary["epochs"].min()), held_out)


def judged(summary: pd.DataFrame, judge: Sequence[str]) -> list[Quantity]:
    """The quantities that get verdicts, from a study's `judge`. One that this data has not is left out."""
    usual = dict(zip((ACCURACY, LOSS), effects_of(summary), strict=True))
    found = [QUANTITIES[usual.get(name, name)] for name in judge]
    finished = summary[summary["diverged_epoch"].isna()]
    return [each for each in found if finished.empty or finished[each.key].notna().any()]


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
    holdout: np.ndarray | None = None,
    target: float | None = None,
) -> pd.DataFrame:
    """`summary.csv`: `run_summary` of each run, in order."""
    rows = [run_summary(run, paths, labels, holdout, target) for run, paths in zip(runs, files, strict=True)]
    kinds = {name: study_tables.SUMMARY.columns[name] for name in ("diverged_epoch", *study_tables.MEASURED)}
    return pd.DataFrame(rows).astype({name: "Int64" if kind is int else kind for name, kind in kinds.items()})


def read(path: str | Path, runs: Sequence[RunFacts]) -> pd.DataFrame:
    """Reads the table that `summarise` made of `runs`.

    Raises:
        DataError: the file is unreadable, was changed, or is of other runs.
    """
    table = tables.read_frame(path, study_tables.SUMMARY)
    if len(table) != len(runs):
        raise DataError(f"{path}: holds {len(table)} runs, expected {len(runs)}. {AGAIN}")
    for found, run in zip(table["run"], runs, strict=True):
        tables.check_run(path, found, run["identity"])
    return table


def diverged(summary: pd.DataFrame) -> str:
    """A sentence on the runs that diverged. Empty if none did."""
    lost = summary.loc[summary["diverged_epoch"].notna(), "condition"]
    return run_tables.diverged_sentence(lost, summary["condition"])


def alike(summary: pd.DataFrame) -> str:
    """A sentence on conditions whose runs are equal to the last digit, in each seed. Empty if there are none."""
    speed = ("seconds", "images_per_second")
    numbers = [name for name in dict.fromkeys(study_tables.MEASURED) if name in summary and name not in speed]
    found: dict[str, list[str]] = {}
    for name, rows in summary[summary["diverged_epoch"].isna()].groupby("condition", sort=False):
        found.setdefault(rows[["seed", *numbers]].to_csv(index=False), []).append(str(name))
    same = "; ".join(" and ".join(names) for names in found.values() if len(names) > 1)
    return f"Trained to the same result in every seed: {same}. What tells them apart had no effect." if same else ""


def by_seed(summary: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """One row a seed and one column a condition, both in the order of `summary`. An absent or diverged run is NaN.

    `quantity` is a column of numbers.
    """
    return _pivot(summary, quantity).astype(float)


def by_seed_with_diverged(summary: pd.DataFrame, accuracy: str) -> pd.DataFrame:
    """As `by_seed` for an accuracy, with -inf for a run that diverged: it lies under all others."""
    known = summary[accuracy].mask(summary["diverged_epoch"].notna(), -np.inf)
    return by_seed(summary.assign(**{accuracy: known}), accuracy)


def engines_by_seed(summary: pd.DataFrame) -> pd.DataFrame:
    """The engine that trained each run, in the same form as `by_seed`."""
    return _pivot(summary, "engine")


def _pivot(summary: pd.DataFrame, column: str) -> pd.DataFrame:
    table = summary.pivot(index="seed", columns="condition", values=column)
    return table.reindex(index=summary["seed"].unique(), columns=summary["condition"].unique())


def tabulate(
    summary: pd.DataFrame, conditions: Mapping[str, Condition], dataset: str, study: str, name: str
) -> pd.DataFrame:
    """`runs.csv`: one row per run, in the order of `summary`: its place, its settings, and all that `summary` has.

    Args:
        summary: see `summarise`.
        conditions: the resolved conditions of the study.
        dataset: key of the data set.
        study: name of the study's file.
        name: the run's name, the folder below `results/{dataset}/`.

    Returns:
        The columns of `study_tables.runs(varying(conditions))`.
    """
    images = datasets.find(dataset).train_images
    listed = (*study_tables.RUN_SETTINGS, *varying(conditions))
    settings = {}
    for key, condition in conditions.items():
        used = {f"splits_used.{batch}": count for batch, count in splits_used(condition, images).items()}
        flat = {**dict(_flatten(condition)), "train_images": trained_images(condition, images), **used}
        settings[key] = {column: flat.get(column) for column in listed}
    place = {"dataset": dataset, "study": study, "name": name}
    return pd.DataFrame([{**place, **settings[row["condition"]], **row} for row in summary.to_dict("records")])


def varying(conditions: Mapping[str, Condition]) -> dict[str, type]:
    """Dotted keys of the other settings that differ between conditions, in the order of the settings, with their type.

    A condition that lacks such a setting (a schedule's argument, for example) has an empty cell.
    """
    flat = [dict(_flatten(condition)) for condition in conditions.values()]
    found = {}
    for key in dict.fromkeys(key for one in flat for key in one if key not in _LISTED):
        if len({one.get(key) for one in flat}) > 1:
            kinds = {type(one[key]) for one in flat if key in one}
            found[key] = kinds.pop() if len(kinds) == 1 else float if kinds == {int, float} else str
    return found


def _flatten(settings: Any, above: str = "") -> Iterator[tuple[str, str | int | float]]:
    """All settings by dotted key. Items of a list are numbered from 0. The key `schedule` has the schedule's kind."""
    for key, value in settings.items() if isinstance(settings, Mapping) else enumerate(settings):
        if key == "schedule":
            yield "schedule", next(iter(value))
        if isinstance(value, Mapping | list):
            yield from _flatten(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", str(value) if isinstance(value, bool) else value
