"""Reads `metrics.csv`, for figures and statistics. `normreg.training.history` writes it."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from normreg.errors import DataError


def read(path: str | Path, columns: Sequence[str]) -> dict[str, np.ndarray]:
    """`columns` and the epochs of a `metrics.csv`, each float64 (E,) except `epoch`, int64 (E,).

    Raises:
        DataError: unreadable, a missing column, a value that is no finite number, or epochs other than 1, 2, 3, ...
    """
    again = "Delete it and run the same command again."
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        table = {name: np.array([float(row[name]) for row in rows]) for name in ("epoch", *columns)}
    except (OSError, KeyError, TypeError, ValueError) as error:
        wanted = ", ".join(columns)
        raise DataError(
            f"{path}: cannot be read as metrics with {wanted} ({type(error).__name__}: {error}). {again}"
        ) from error
    if not rows or not np.array_equal(table["epoch"], np.arange(1, len(rows) + 1)):
        raise DataError(f"{path}: epochs are not 1, 2, 3, ... without gaps. {again}")
    for name, values in table.items():
        if not np.isfinite(values).all():
            raise DataError(f"{path}: column {name} holds a value that is not a finite number. {again}")
    table["epoch"] = table["epoch"].astype(np.int64)
    return table
