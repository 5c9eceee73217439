"""Reads `metrics.csv`, for figures and statistics. `normreg.training.history` writes it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from normreg.analysis import run_tables
from normreg.errors import AGAIN, DataError
from normreg.utils import tables


def read(path: str | Path, columns: Sequence[str], run: str, epochs: int) -> dict[str, np.ndarray]:
    """`columns` of a `metrics.csv`, each float64 (E,), and its column `epoch`, int64 (E,).

    A validation figure is NaN after an epoch without validation. A run that diverged has the epochs before that one,
    perhaps none: see `diverged`.

    Args:
        path: the file.
        columns: keys of `quantities.EPOCH_QUANTITIES`.
        run: the expected identity of the run.
        epochs: how many epochs the run has.

    Raises:
        DataError: the file is unreadable, was changed, or is of another run; or its epochs are not 1, 2, 3, ... to the
            run's last, or to the one without numbers in which it diverged; or the last epoch has no validation.
    """
    table = tables.read(path, run_tables.METRICS, run)
    trained = [None not in row for row in zip(*(table[name] for name in run_tables.TRAINING), strict=True)]
    rows = len(trained)
    finished = rows if trained[-1] else rows - 1
    if table["epoch"] != list(range(1, rows + 1)) or not (rows == epochs or finished < rows < epochs):
        raise DataError(f"{path}: its epochs are not 1, 2, 3, ... to {epochs}, each once. {AGAIN}")
    if not all(trained[:finished]):
        raise DataError(f"{path}: an epoch before the last has no training figures. {AGAIN}")
    if finished == epochs and any(table[name][-1] is None for name in run_tables.VALIDATION):
        raise DataError(f"{path}: its last epoch has no validation figures. {AGAIN}")
    values = {name: np.array(table[name][:finished], dtype=np.float64) for name in columns}
    return {"epoch": np.array(table["epoch"][:finished], dtype=np.int64), **values}


def diverged(table: Mapping[str, np.ndarray], epochs: int) -> int | None:
    """The epoch in which a run of `epochs` epochs diverged, from what `read` gives. None if it did not."""
    finished = len(table["epoch"])
    return finished + 1 if finished < epochs else None
