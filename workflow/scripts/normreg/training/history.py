"""The history of a training run: one row per epoch, written as `metrics.csv`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from normreg.analysis import run_tables
from normreg.utils import tables


@dataclass(frozen=True)
class Epoch:
    """One epoch. Accuracies are in percent, losses are mean cross-entropy per image.

    Training figures are measured during the epoch, while the weights change. `train_objective` is the loss plus the L1
    and group-L2 terms, on which backward() is called. `learning_rate` is that of the epoch's first batch. `seconds` is
    the time of training and validation together. Validation figures are None after an epoch without validation. In the
    epoch in which a run diverged, its last one, all these figures are None.
    """

    epoch: int
    learning_rate: float
    train_objective: float | None
    train_loss: float | None
    train_accuracy: float | None
    validation_loss: float | None
    validation_accuracy: float | None
    seconds: float

    @property
    def diverged(self) -> bool:
        """Whether the run diverged in this epoch."""
        return self.train_objective is None

    def without_numbers(self) -> "Epoch":
        """The same epoch as one in which the run diverged."""
        return Epoch(self.epoch, self.learning_rate, None, None, None, None, None, self.seconds)


def write(epochs: Sequence[Epoch], path: str | Path, run: str, data: str = "", code: str = "") -> None:
    """Writes `epochs`, with eight significant digits. The file is written completely or not at all.

    Args:
        epochs: the rows.
        path: the file.
        run: the identity of the run.
        data: the digest of the data set it was trained on, see `Dataset.digest`.
        code: the code that decided the numbers, see `normreg.utils.code.of_training`. A workflow trains a run with
            other data or code than now again, and so a run that does not say them.
    """
    made_of = {"data": data, "code": code, "run": run}
    tables.write(path, run_tables.METRICS, ({**asdict(epoch), **made_of} for epoch in epochs))
