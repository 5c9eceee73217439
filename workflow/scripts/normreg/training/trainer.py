"""The one interface of what trains: `training.loop` drives a `Trainer`, every engine is one."""

import time
from abc import ABC, abstractmethod
from typing import Any, NamedTuple

from torch import Tensor, nn

from normreg.config.condition import Condition
from normreg.training.history import Epoch
from normreg.training.schedule import Schedule


class Trained(NamedTuple):
    """An epoch's training: means over its images of objective and loss, and number of correct predictions.

    All are running figures: each batch counts with the weights it was trained with.
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
        condition: of the run.
        model: the network with the weights and running statistics after the last finished epoch.
        images: of the training split.
        test_labels: of the validation split: a tensor, or an array.
        schedule: at the next batch.
    """

    condition: Condition
    model: nn.Module
    images: Tensor
    test_labels: Any
    schedule: Schedule

    def run_epoch(self, epoch: int) -> Epoch:
        """Trains for one epoch (numbered from 1), validates, and returns the epoch's row."""
        started = time.perf_counter()
        lr = self.schedule.lr
        trained = self._train_epoch(epoch)
        validated = self._validate()
        self.schedule.after_epoch()
        return Epoch(
            epoch=epoch,
            learning_rate=lr,
            train_objective=trained.objective,
            train_loss=trained.loss,
            train_accuracy=100 * trained.correct / len(self.images),
            validation_loss=validated.loss,
            validation_accuracy=100 * validated.correct / len(self.test_labels),
            seconds=time.perf_counter() - started,
        )

    @abstractmethod
    def _train_epoch(self, epoch: int) -> Trained:
        """Trains on every image once, in the order of `training.draws`."""

    @abstractmethod
    def _validate(self) -> Validated:
        """Evaluates the model on the validation split, in evaluation mode."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Tensors and plain data from which `restore` goes on, bit for bit, after a finished epoch.

        It holds no states of generators: each epoch seeds its own streams.
        """

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> None:
        """Takes over what `state` returned in another process; the next epochs are bit-identical to its next."""
