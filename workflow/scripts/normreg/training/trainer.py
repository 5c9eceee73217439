"""The interface between training and engines: `training.loop` drives a `Trainer`, and every engine implements one."""

import time
from abc import ABC, abstractmethod
from typing import Any, NamedTuple

from torch import Tensor, nn

from normreg.config.condition import Condition
from normreg.training.history import Epoch
from normreg.training.schedule import Schedule


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
