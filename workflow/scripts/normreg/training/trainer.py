"""What an epoch of training is, whatever computes it: train, validate, advance the schedule, return a row."""

import time
from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor

from normreg.training.history import Epoch
from normreg.training.schedule import Schedule


class EpochTrainer(ABC):
    """The part of a `normreg.training.loop.Trainer` that all of them share. Subclasses set these attributes."""

    images: Tensor  # of the training split
    test_labels: Any  # of the validation split: a tensor, or an array of the engine's
    schedule: Schedule

    def run_epoch(self, epoch: int) -> Epoch:
        """Trains for one epoch (numbered from 1), validates, and returns the epoch's row."""
        started = time.perf_counter()
        learning_rate = self.schedule.learning_rate
        objective, loss, correct = self._train_epoch(epoch)
        validation_loss, hits = self._validate()
        self.schedule.after_epoch()
        return Epoch(
            epoch=epoch,
            learning_rate=learning_rate,
            train_objective=objective,
            train_loss=loss,
            train_accuracy=100 * correct / len(self.images),
            validation_loss=validation_loss,
            validation_accuracy=100 * hits / len(self.test_labels),
            seconds=time.perf_counter() - started,
        )

    @abstractmethod
    def _train_epoch(self, epoch: int) -> tuple[float, float, int]:
        """Mean objective, mean loss and number of correct predictions, all as trained."""

    @abstractmethod
    def _validate(self) -> tuple[float, int]:
        """Mean loss and number of correct predictions on the validation split."""
