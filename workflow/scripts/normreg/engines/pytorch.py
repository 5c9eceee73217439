"""Trains epoch by epoch in plain PyTorch: the readable reference every faster path is tested against."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from normreg.config.condition import Condition
from normreg.data import augmentation
from normreg.data.dataset import Dataset
from normreg.engines.contract import DataFacts, refuse_unknown
from normreg.models.shapes import batch_bounds
from normreg.training import draws
from normreg.training.evaluation import Normaliser, predict
from normreg.training.loop import Trained, Trainer, Validated
from normreg.training.objective import make_optimizer, make_target, objective, scoped_parameters
from normreg.training.schedule import make_schedule
from normreg.training.state import put, take


class TorchTrainer(Trainer):
    """Model, optimizer and schedule of one run. All randomness comes from the named streams of its seed.

    Sets the default generators of PyTorch, NumPy and Python: for the initial weights here, and at the start of each
    epoch for dropout, or whatever a network draws.
    """

    def __init__(
        self, condition: Condition, seed: int, data: Dataset, device: torch.device, resumable: bool = True
    ) -> None:
        """Puts the data on `device`. `engines.rehearsal` finds out whether training is `resumable`.

        Raises:
            ConfigError: the condition has a key or a value that is unknown here; the message names it.
        """
        facts = DataFacts.of(data)
        refuse_unknown(condition, facts)
        self.condition, self.seed, self.device, self.resumable = condition, seed, device, resumable
        self.normalise = Normaliser(data.normalise, device)
        self.images, self.labels = _to_device(data.train_images, data.train_labels, device)
        self.test_images, self.test_labels = _to_device(data.test_images, data.test_labels, device)
        self.model = draws.initial_model(condition, seed, facts.shape).to(device)
        scope, lambdas = condition["penalty_scope"], condition["lambdas"]
        self.penalised, _ = scoped_parameters(self.model, scope)
        self.target = make_target(condition, self.labels, facts.shape.classes)
        self.optimizer = make_optimizer(self.model, condition["optimizer"], lambdas["l2"], scope)
        self.bounds = batch_bounds(len(self.images), condition["batch_size"])
        self.schedule = make_schedule(self.optimizer, condition["schedule"], condition["epochs"], len(self.bounds))

    def _train_epoch(self, epoch: int) -> Trained:
        # No synchronisation of the device between batches.
        count, spec = len(self.images), self.condition["augmentation"]
        height, width = self.images.shape[-2:]
        drawn = draws.epoch_draws(self.seed, epoch, count, spec, (height, width)).to(self.device)
        draws.seed_defaults(draws.dropout_key(self.seed, epoch))
        totals = torch.zeros(3, dtype=torch.float64, device=self.device)
        self.model.train()
        for start, stop in self.bounds:
            batch = drawn.part(start, stop)
            images = augmentation.apply(spec, batch.augmentation, self.images[batch.order])
            totals += self._step(self.normalise(images), self.labels[batch.order]) * (stop - start)
        value, loss, correct = totals.tolist()
        return Trained(value / count, loss / count, round(correct))

    def _step(self, images: Tensor, labels: Tensor) -> Tensor:
        """One optimizer step; returns objective, loss and share of correct predictions of the batch, float64 (3,)."""
        value, figures = objective(self.model, images, labels, self.penalised, self.condition["lambdas"], self.target)
        self.optimizer.zero_grad()
        value.backward()
        self.optimizer.step()
        self.schedule.after_batch()
        return figures

    def _validate(self) -> Validated:
        logits = predict(self.model, self.test_images, self.normalise)
        loss = F.cross_entropy(logits.double(), self.test_labels).item()
        return Validated(loss, int((logits.argmax(1) == self.test_labels).sum().item()))

    def state(self) -> dict[str, Any]:
        """Everything `restore` needs after a finished epoch. Of generators, only those that the network holds."""
        return {"model": take(self.model), "schedule": self.schedule.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Takes over what `state` returned in another process; the next epochs are then bit-identical to its next."""
        put(self.model, state["model"])
        self.schedule.restore(state["schedule"])


def _to_device(images: np.ndarray, labels: np.ndarray, device: torch.device) -> tuple[Tensor, Tensor]:
    """Arrays of images and labels as tensors on `device`. Labels become int64."""
    return torch.as_tensor(images).to(device), torch.as_tensor(labels).long().to(device)
