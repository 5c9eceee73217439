"""The course of a training run: one row an epoch, written as `metrics.csv`."""

import csv
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from normreg.utils.atomic import replacing


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


def write(epochs: Sequence[Epoch], path: str | Path) -> None:
    """Writes `epochs` as CSV with a header, whole or not at all; numbers with eight significant digits."""
    with replacing(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([field.name for field in fields(Epoch)])
        for epoch in epochs:
            writer.writerow([f"{value:.8g}" for value in astuple(epoch)])
