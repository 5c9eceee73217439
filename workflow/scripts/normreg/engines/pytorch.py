"""Trains epoch by epoch in plain PyTorch: the readable reference every faster path is tested against."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from normreg.config.condition import Condition
from normreg.data import augmentation
from normreg.data.batches import batch_bounds, to_device
from normreg.data.dataset import Dataset
from normreg.models.build import build
from normreg.training import penalties, streams
from normreg.training.evaluation import predict
from normreg.training.objective import objective
from normreg.training.schedule import make_schedule
from normreg.training.trainer import EpochTrainer


class TorchTrainer(EpochTrainer):
    """Model, optimizer and schedule of one run. All randomness comes from the named streams of its seed.

    Sets PyTorch's default generators: for the initial weights here, for dropout at the start of each epoch.
    """

    def __init__(self, condition: Condition, seed: int, data: Dataset, device: torch.device) -> None:
        self.condition, self.seed, self.device = condition, seed, device
        self.images, self.labels = to_device(data.train_images, data.train_labels, device)
        self.test_images, self.test_labels = to_device(data.test_images, data.test_labels, device)
        torch.manual_seed(streams.stream_seed(seed, streams.INIT))
        self.model = build(condition["network"], condition["norm"], condition["num_splits"], condition["dropout"]).to(
            device
        )
        scope, lambdas = condition["penalty_scope"], condition["lambdas"]
        self.penalised, _ = penalties.scoped_parameters(self.model, scope)
        self.optimizer = penalties.sgd(self.model, condition["optimizer"], lambdas["l2"], scope)
        self.bounds = batch_bounds(len(self.images), condition["batch_size"])
        self.schedule = make_schedule(self.optimizer, condition["schedule"], condition["epochs"], len(self.bounds))

    def _train_epoch(self, epoch: int) -> tuple[float, float, int]:
        # No synchronisation of the device between batches.
        count = len(self.images)
        order = torch.randperm(count, generator=streams.generator(self.seed, streams.ORDER, epoch)).to(self.device)
        draws = self._augmentation_draws(epoch, count)
        torch.manual_seed(streams.stream_seed(self.seed, streams.DROPOUT, epoch))
        totals = torch.zeros(3, dtype=torch.float64, device=self.device)
        self.model.train()
        for start, stop in self.bounds:
            chosen = order[start:stop]
            batch_draws = [{name: values[start:stop] for name, values in step.items()} for step in draws]
            images = augmentation.apply(self.condition["augmentation"], batch_draws, self.images[chosen])
            totals += self._step(augmentation.normalise(images), self.labels[chosen]) * (stop - start)
        mean, loss, correct = totals.tolist()
        return mean / count, loss / count, round(correct)

    def _augmentation_draws(self, epoch: int, count: int) -> list[dict[str, Tensor]]:
        generator = streams.generator(self.seed, streams.AUGMENTATION, epoch)
        draws = augmentation.draw(self.condition["augmentation"], count, generator)
        return [{name: values.to(self.device) for name, values in step.items()} for step in draws]

    def _step(self, images: Tensor, labels: Tensor) -> Tensor:
        """One SGD step; returns objective, loss and share of correct predictions of the batch, float64 (3,)."""
        value, figures = objective(self.model, images, labels, self.penalised, self.condition["lambdas"])
        self.optimizer.zero_grad()
        value.backward()
        self.optimizer.step()
        self.schedule.after_batch()
        return figures

    def _validate(self) -> tuple[float, int]:
        logits = predict(self.model, self.test_images)
        loss = F.cross_entropy(logits.double(), self.test_labels).item()
        return loss, int((logits.argmax(1) == self.test_labels).sum().item())

    def state(self) -> dict[str, Any]:
        """Everything `restore` needs after a finished epoch. No generator states: each epoch seeds its own streams."""
        return {"model": self.model.state_dict(), "schedule": self.schedule.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Takes over what `state` returned in another process; the next epochs are then bit-identical to its next."""
        self.model.load_state_dict(state["model"])
        self.schedule.restore(state["schedule"])
