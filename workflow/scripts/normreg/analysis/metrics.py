"""Reads `metrics.csv`, for figures and statistics. `normreg.training.history` writes it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from normreg.analysis import run_tables
from normreg.config import identity
from normreg.errors import AGAIN, DataError
from normreg.utils import tables


def read(path: str | Path, columns: Sequence[str], run: str, epochs: int) -> dict[str, np.ndarray]:
    """`columns` of a `metrics.csv`, each float64 (E,), and its column `epoch`, int64 (E,).

    A validation figure is NaN after an epoch without validation.

    Args:
        path: the file.
        columns: keys of `quantities.EPOCH_QUANTITIES`.
        run: the expected identity of the run.
        epochs: how many epochs the run has.

    Raises:
        DataError: the file is unreadable, was changed, or is of another run; or its epochs are not 1, 2, 3, ... to the
            run's last; or the last epoch has no validation.
    """
    table = tables.read(path, run_tables.METRICS)
    for found in dict.fromkeys(table["run"]):
        identity.check(path, found, run)
    if table["epoch"] != list(range(1, epochs + 1)):
        raise DataError(f"{path}: its epochs are not 1, 2, 3, ... to {epochs}, each once. {AGAIN}")
    if any(table[name][-1] is None for name in run_tables.VALIDATION):
        raise DataError(f"{path}: its last epoch has no validation figures. {AGAIN}")
    values = {name: np.array(table[name], dtype=np.float64) for name in columns}
    return {"epoch": np.array(table["epoch"], dtype=np.int64), **values}
