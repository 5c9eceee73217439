"""The course of a training run: one row an epoch, written as `metrics.csv`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from normreg.analysis import tables


@dataclass(frozen=True)
class Epoch:
    """One epoch. Accuracies in percent; losses are mean cross-entropy per image; training figures are running ones.

    `train_objective` is what backward() was called on: the loss plus the L1 and group-L2 terms. `learning_rate` is that
    of the epoch's first batch. `seconds` covers training and validation.
    """

    epoch: int
    learning_rate: float
    train_objective: float
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float


def write(epochs: Sequence[Epoch], path: str | Path, run: str) -> None:
    """Writes `epochs` of the run with the identity `run`, whole or not at all; eight significant digits."""
    tables.write(path, tables.METRICS, ({**asdict(epoch), "run": run} for epoch in epochs))
