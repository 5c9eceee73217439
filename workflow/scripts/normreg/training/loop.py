"""Trains one run to its last epoch, whatever does the computing, and goes on where a killed one stopped."""

import copy
import logging
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from normreg.analysis import run_tables
from normreg.config.condition import Condition
from normreg.errors import AGAIN, DataError, OrphanedError
from normreg.training.schedule import Schedule
from normreg.training.state import StateFile
from normreg.utils import tables
from normreg.utils.jobs import Starter

log = logging.getLogger("normreg")


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


def write_metrics(epochs: Sequence[Epoch], path: str | Path, run: str, data: str = "", code: str = "") -> None:
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


def validates(condition: Condition, epoch: int) -> bool:
    """Whether validation comes after this epoch (numbered from 1)."""
    return epoch % condition["validate_every"] == 0 or epoch == condition["epochs"]


class Trained(NamedTuple):
    """Training figures of one epoch: mean objective and mean loss over its images, and number of correct predictions.

    All are running figures: each batch is evaluated with the weights before its own step.
    """

    objective: float
    loss: float
    correct: int


class Validated(NamedTuple):
    """Mean loss and number of correct predictions on the validation split."""

    loss: float
    correct: int


class Trainer(ABC):
    """Trains one run epoch by epoch. An engine sets the attributes and implements the abstract methods.

    Attributes:
        condition: the condition of the run.
        model: the network with the weights and running statistics after the last finished epoch.
        images: the images of the training split.
        test_labels: the labels of the validation split, as a tensor or an array.
        schedule: gives the rates of the next batch.
        resumable: whether `state` has all that the next epochs need.
    """

    condition: Condition
    model: nn.Module
    images: Tensor
    test_labels: Any
    schedule: Schedule
    resumable: bool = True

    def run_epoch(self, epoch: int) -> Epoch:
        """Trains for one epoch (numbered from 1), validates if it is due, and returns the epoch's row."""
        started = time.perf_counter()
        lr = self.schedule.lr
        trained = self._train_epoch(epoch)
        validated = self._validate() if validates(self.condition, epoch) else None
        self.schedule.after_epoch()
        return Epoch(
            epoch=epoch,
            learning_rate=lr,
            train_objective=trained.objective,
            train_loss=trained.loss,
            train_accuracy=100 * trained.correct / len(self.images),
            validation_loss=validated.loss if validated else None,
            validation_accuracy=100 * validated.correct / len(self.test_labels) if validated else None,
            seconds=time.perf_counter() - started,
        )

    @abstractmethod
    def _train_epoch(self, epoch: int) -> Trained:
        """Trains on every image once, in the order given by `training.draws`."""

    @abstractmethod
    def _validate(self) -> Validated:
        """Evaluates the model on the validation split, in evaluation mode."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """The state after a finished epoch, as tensors and plain data. `restore` continues from it, bit for bit.

        Each epoch seeds the default generators, so their states are not needed.
        """

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> None:
        """Continues from what `state` returned in another process. The next epochs give the same bits as there."""


def train(trainer: Trainer, label: str, state: StateFile, starter: Starter | None = None) -> list[Epoch]:
    """Trains to the last epoch of the trainer's condition, saves the state after each and logs a line.

    A run diverges if its objective, its validation loss or a weight becomes infinite or NaN. Then it ends, the trainer
    has the state of before that epoch, and a warning names the likely key.

    Args:
        trainer: a fresh one; if `state` holds the state of an earlier process, training goes on from there. After the
            last epoch of an earlier process nothing is left to train.
        label: names the run in log lines and errors.
        state: where the state is kept; it stays until somebody has seen the results.
        starter: who waits for the results; None, as in a library, if training goes on whoever ends.

    Returns:
        A row an epoch, those of earlier processes included. Of a run that diverged, the last one is without numbers.
        The trained model is the trainer's.

    Raises:
        DataError: the state of an earlier process does not fit the trainer.
        OrphanedError: the starter is gone; the state is kept.
    """
    epochs = trainer.condition["epochs"]
    history = _resume(trainer, label, state)
    _check_starter(starter, trainer, label, len(history))
    for epoch in range(len(history) + 1, epochs + 1):
        before = copy.deepcopy(trainer.state())
        row = trainer.run_epoch(epoch)
        if not _finite(trainer, row):
            log.warning(_divergence(trainer.condition, label, row))
            trainer.restore(before)
            return [*history, row.without_numbers()]
        history.append(row)
        if trainer.resumable or epoch == epochs:
            state.save({"trainer": trainer.state(), "history": [asdict(past) for past in history]})
        shown = epoch % 10 == 0 or epoch in (1, epochs)  # on the console; the log has every epoch
        log.log(logging.INFO if shown else logging.DEBUG, _progress(label, history, epochs))
        _check_starter(starter, trainer, label, epoch)
    return history


def _resume(trainer: Trainer, label: str, state: StateFile) -> list[Epoch]:
    """Takes over what an earlier process has saved. Returns the rows of its epochs; none if there is nothing to use."""
    saved, epochs = state.load(), trainer.condition["epochs"]
    if saved is None:
        return []
    try:
        trainer.restore(saved["trainer"])
    except Exception as error:  # the key of a state does not cover installed packages that a network imports
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:160]
        raise DataError(f"{state.path}: does not fit the network ({reason}). {AGAIN}") from error
    history = [Epoch(**row) for row in saved["history"]]
    if len(history) == epochs:
        log.info("%s: all %d epochs are trained already; their results are taken from %s", label, epochs, state.path)
    else:
        log.info("%s: goes on after epoch %d of %d", label, len(history), epochs)
    return history


def _finite(trainer: Trainer, row: Epoch) -> bool:
    """Whether an epoch ended with finite numbers. The weights count too: the last step comes after the last loss."""
    numbers = (value for value in (row.train_objective, row.validation_loss) if value is not None)
    return all(map(math.isfinite, numbers)) and all(torch.isfinite(p).all() for p in trainer.model.parameters())


def _check_starter(starter: Starter | None, trainer: Trainer, label: str, epoch: int) -> None:
    if starter is not None and starter.gone():
        then = "goes on from there" if trainer.resumable else "starts over"
        raise OrphanedError(
            f"{label}: the Snakemake that started this training is gone, so it stops after epoch {epoch}. "
            f"Run the same command again: it {then}."
        )


def duration(seconds: float) -> str:
    """A rough time: "45 s" below two minutes, "7 min" below two hours, then "3 h 20 min"."""
    if seconds < 120:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def _progress(label: str, history: list[Epoch], epochs: int) -> str:
    last = history[-1]
    left = sum(row.seconds for row in history) / len(history) * (epochs - last.epoch)
    rest = f", about {duration(left)} left" if left else ""
    validation = ""
    if last.validation_accuracy is not None:
        validation = f"validation {last.validation_accuracy:.2f} % (loss {last.validation_loss:.4f}), "
    return (
        f"{label}: epoch {last.epoch}/{epochs}, training {last.train_accuracy:.2f} %, {validation}"
        f"{last.seconds:.1f} s{rest}"
    )


def _divergence(condition: Condition, label: str, row: Epoch) -> str:
    """Names the key most likely at fault: a penalty whose pull a step is large, else the learning rate."""
    lambdas, schedule = condition["lambdas"], condition["schedule"]
    onecycle = schedule.get("onecycle")
    lr = onecycle["max_lr"] if onecycle else condition["optimizer"]["lr"]
    lr_key = "schedule.onecycle.max_lr" if onecycle else "optimizer.lr"
    strongest = max((lambdas["l1"], "l1"), (lambdas["l2"], "l2"), (lambdas["group_l2"], "group_l2"))
    suspect = (lr_key, lr) if strongest[0] * lr < 0.1 else (f"lambdas.{strongest[1]}", strongest[0])
    kept = f"the weights after epoch {row.epoch - 1}" if row.epoch > 1 else "the initial weights"
    validation = "" if row.validation_loss is None else f", validation loss {row.validation_loss}"
    return (
        f"{label}: diverged in epoch {row.epoch} (mean objective {row.train_objective}{validation}). The run ends here "
        f"and counts as diverged; its checkpoint has {kept}. The likely key is {suspect[0]}, which is {suspect[1]:g}."
    )
