"""The values of all runs of a study as a table of seeds and conditions, for statistics over seeds."""

import numpy as np
import pandas as pd

from normreg.errors import DataError


def values(summary: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """One row a seed and one column a condition, both in the order of `summary`. An absent or diverged run is NaN.

    Args:
        summary: see `summary.summarise`.
        quantity: one of its columns of numbers.

    Raises:
        DataError: a run is there twice.
    """
    twice = summary.duplicated(["seed", "condition"])
    if twice.any():
        row = summary[twice].iloc[0]
        raise DataError(f"summary: condition {row['condition']} with seed {row['seed']} is there twice, expected once.")
    table = summary.pivot(index="seed", columns="condition", values=quantity).astype(float)
    return table.reindex(index=summary["seed"].unique(), columns=summary["condition"].unique())


def with_diverged(summary: pd.DataFrame, accuracy: str) -> pd.DataFrame:
    """The `values` of an accuracy, with -inf for a run that diverged: it lies under all others."""
    known = summary[accuracy].mask(summary["diverged_epoch"].notna(), -np.inf)
    return values(summary.assign(**{accuracy: known}), accuracy)


def engines(summary: pd.DataFrame) -> pd.DataFrame:
    """The engine that trained each run, in the same form as `values`."""
    table = summary.pivot(index="seed", columns="condition", values="engine")
    return table.reindex(index=summary["seed"].unique(), columns=summary["condition"].unique())
