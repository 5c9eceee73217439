"""The CSV files of one run: their columns, how they are read, and what is said of runs that diverged.

Training writes them. So this module imports neither pandas nor SciPy.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from normreg.errors import AGAIN, DataError
from normreg.utils import tables
from normreg.utils.tables import Table, columns_of

SHARES = {f"share_below_{threshold:g}": threshold for threshold in (1e-4, 1e-3, 1e-2)}  # of small weights
SIZES = ("l1", "l2_squared", *SHARES)
TRAINING = ("train_objective", "train_loss", "train_accuracy")
VALIDATION = ("validation_loss", "validation_accuracy")
METRICS = Table(
    "metrics",
    columns_of(int, "epoch")
    | columns_of(float, "learning_rate", *TRAINING, *VALIDATION, "seconds")
    | columns_of(str, "data", "code", "run"),
    may_be_empty=frozenset((*TRAINING, *VALIDATION, "data", "code")),
    digits=8,
)
WEIGHT = "weight"  # in the column `role`, see `training.objective.roles`
WEIGHTS = Table(
    "sizes of weights",
    columns_of(str, "parameter", "layer_type", "role")
    | columns_of(int, "elements")
    | columns_of(float, *SIZES)
    | columns_of(str, "run"),
    may_be_empty=frozenset(SIZES),
    digits=None,
)
_NAMED = 4  # of more conditions with runs that diverged, only so many are named


def read_metrics(path: str | Path, columns: Sequence[str], run: str, epochs: int) -> dict[str, np.ndarray]:
    """`columns` of a `metrics.csv`, each float64 (E,), and its column `epoch`, int64 (E,).

    A validation figure is NaN after an epoch without validation. A run that diverged has the epochs before that one,
    perhaps none: see `diverged_epoch`.

    Args:
        path: the file.
        columns: keys of `quantities.EPOCH_QUANTITIES`.
        run: the expected identity of the run.
        epochs: how many epochs the run has.

    Raises:
        DataError: the file is unreadable, was changed, or is of another run; or its epochs are not 1, 2, 3, ... to the
            run's last, or to the one without numbers in which it diverged.
    """
    table = tables.read(path, METRICS, run)
    rows = len(table["epoch"])
    finished = rows if table["train_loss"][-1] is not None else rows - 1
    if table["epoch"] != list(range(1, rows + 1)) or not (rows == epochs or finished < rows < epochs):
        raise DataError(f"{path}: its epochs are not 1, 2, 3, ... to {epochs}, each once. {AGAIN}")
    values = {name: np.array(table[name][:finished], dtype=np.float64) for name in columns}
    return {"epoch": np.array(table["epoch"][:finished], dtype=np.int64), **values}


def diverged_epoch(table: Mapping[str, np.ndarray], epochs: int) -> int | None:
    """The epoch in which a run of `epochs` epochs diverged, from what `read_metrics` gives. None if it did not."""
    finished = len(table["epoch"])
    return finished + 1 if finished < epochs else None


def diverged_sentence(lost: Iterable[str] | Mapping[str, int], of: Iterable[str] | Mapping[str, int]) -> str:
    """Says how many runs diverged, and of which conditions. Empty if none did.

    Args:
        lost: the condition of each run that diverged, or how many there are of each condition.
        of: the same of all runs.
    """
    counts, runs = +Counter(lost), Counter(of)
    if not counts:
        return ""
    if counts.total() == runs.total():
        return f"All {runs.total()} runs diverged." if runs.total() > 1 else "The only run diverged."
    named = [f"{name} {number} of {runs[name]}" for name, number in counts.items()]
    more = [f"{len(named) - _NAMED} more conditions"] if len(named) > _NAMED else []
    listed = ", ".join(named[:_NAMED] + more)
    return f"{counts.total()} of {runs.total()} runs diverged and are left out: {listed}."
