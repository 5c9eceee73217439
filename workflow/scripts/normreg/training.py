"""Trains one condition with one seed: the readable reference every faster path is tested against."""

import logging
import math
import time

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from normreg import augmentation, models, penalties, streams
from normreg.condition import Condition
from normreg.datasets import Dataset
from normreg.errors import DivergedError
from normreg.evaluation import predict
from normreg.history import Epoch
from normreg.schedule import make_schedule

log = logging.getLogger("normreg")


def batch_bounds(images: int, batch_size: int) -> list[tuple[int, int]]:
    """First and last-plus-one position of each batch; a last batch of one image joins the batch before it."""
    starts = list(range(0, images, batch_size))
    if len(starts) > 1 and images - starts[-1] == 1:
        starts.pop()
    return list(zip(starts, [*starts[1:], images], strict=True))


class Trainer:
    """Model, optimizer and schedule of one run. All randomness comes from the named streams of its seed.

    Sets PyTorch's default generators: for the initial weights here, for dropout at the start of each epoch.
    """

    def __init__(self, condition: Condition, seed: int, data: Dataset, device: torch.device) -> None:
        self.condition, self.seed, self.device = condition, seed, device
        self.images, self.labels = _tensors(data.train_images, data.train_labels, device)
        self.test_images, self.test_labels = _tensors(data.test_images, data.test_labels, device)
        torch.manual_seed(streams.stream_seed(seed, streams.INIT))
        self.model = models.build(
            condition["network"], condition["norm"], condition["num_splits"], condition["dropout"]
        ).to(device)
        scope, lambdas = condition["penalty_scope"], condition["lambdas"]
        self.penalised, _ = penalties.scoped_parameters(self.model, scope)
        self.optimizer = penalties.sgd(self.model, condition["optimizer"], lambdas["l2"], scope)
        self.bounds = batch_bounds(len(self.images), condition["batch_size"])
        self.schedule = make_schedule(self.optimizer, condition["schedule"], condition["epochs"], len(self.bounds))

    def run_epoch(self, epoch: int) -> Epoch:
        """Trains for one epoch (numbered from 1), validates, and returns the epoch's row."""
        started = time.perf_counter()
        learning_rate = float(self.optimizer.param_groups[0]["lr"])
        objective, loss, correct = self._train_epoch(epoch)
        logits = predict(self.model, self.test_images)
        validation_loss = F.cross_entropy(logits.double(), self.test_labels).item()
        hits = (logits.argmax(1) == self.test_labels).sum().item()
        self.schedule.after_epoch()
        return Epoch(
            epoch=epoch,
            learning_rate=learning_rate,
            train_objective=objective,
            train_loss=loss,
            train_accuracy=100 * correct / len(self.images),
            validation_loss=validation_loss,
            validation_accuracy=100 * hits / len(self.test_images),
            seconds=time.perf_counter() - started,
        )

    def _train_epoch(self, epoch: int) -> tuple[float, float, int]:
        """Mean objective, mean loss, number of correct predictions, all as trained; no synchronisation in between."""
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
        objective, loss, correct = totals.tolist()
        return objective / count, loss / count, round(correct)

    def _augmentation_draws(self, epoch: int, count: int) -> list[dict[str, Tensor]]:
        generator = streams.generator(self.seed, streams.AUGMENTATION, epoch)
        draws = augmentation.draw(self.condition["augmentation"], count, generator)
        return [{name: values.to(self.device) for name, values in step.items()} for step in draws]

    def _step(self, images: Tensor, labels: Tensor) -> Tensor:
        """One SGD step; returns objective, loss and share of correct predictions of the batch, float64 (3,)."""
        logits = self.model(images)
        loss = F.cross_entropy(logits, labels)
        penalty = penalties.penalty(self.penalised, self.condition["lambdas"])
        objective = loss if penalty is None else loss + penalty
        self.optimizer.zero_grad()
        objective.backward()
        self.optimizer.step()
        self.schedule.after_batch()
        share = (logits.detach().argmax(1) == labels).double().mean()
        return torch.stack([objective.detach().double(), loss.detach().double(), share])


def train(
    condition: Condition, seed: int, data: Dataset, device: torch.device, label: str
) -> tuple[nn.Sequential, list[Epoch]]:
    """Trains `condition` to its last epoch and logs a line an epoch.

    Args:
        condition: the resolved condition.
        seed: the replicate; equal seeds share initial weights, order, augmentation and dropout streams.
        data: the data set; its test split is the validation split.
        device: from `normreg.devices.resolve`.
        label: names the run in log lines and errors.

    Returns:
        The model after the last epoch, and a row an epoch.

    Raises:
        DivergedError: the objective or the validation loss became infinite or NaN.
    """
    trainer = Trainer(condition, seed, data, device)
    history: list[Epoch] = []
    for epoch in range(1, condition["epochs"] + 1):
        row = trainer.run_epoch(epoch)
        if not (math.isfinite(row.train_objective) and math.isfinite(row.validation_loss)):
            raise DivergedError(_divergence(condition, label, row))
        history.append(row)
        log.info(_progress(label, history, condition["epochs"]))
    return trainer.model, history


def _tensors(images: object, labels: object, device: torch.device) -> tuple[Tensor, Tensor]:
    return torch.as_tensor(images).to(device), torch.as_tensor(labels).long().to(device)


def _progress(label: str, history: list[Epoch], epochs: int) -> str:
    last = history[-1]
    left = sum(row.seconds for row in history) / len(history) * (epochs - last.epoch)
    return (
        f"{label}: epoch {last.epoch}/{epochs}, training {last.train_accuracy:.2f} %, "
        f"validation {last.validation_accuracy:.2f} % (loss {last.validation_loss:.4f}), "
        f"{last.seconds:.1f} s, about {left / 60:.1f} min left"
    )


def _divergence(condition: Condition, label: str, row: Epoch) -> str:
    """Names the key most likely at fault: a penalty whose pull a step is large, else the learning rate."""
    lambdas, schedule = condition["lambdas"], condition["schedule"]
    onecycle = schedule.get("onecycle")
    rate = onecycle["max_lr"] if onecycle else condition["optimizer"]["lr"]
    rate_key = "schedule.onecycle.max_lr" if onecycle else "optimizer.lr"
    strongest = max((lambdas["l1"], "l1"), (lambdas["l2"], "l2"), (lambdas["group_l2"], "group_l2"))
    suspect = (rate_key, rate) if strongest[0] * rate < 0.1 else (f"lambdas.{strongest[1]}", strongest[0])
    return (
        f"{label}: the objective is no longer a finite number in epoch {row.epoch} (mean objective "
        f"{row.train_objective}, validation loss {row.validation_loss}). The likely key is {suspect[0]}, "
        f"which is {suspect[1]:g}; lower it in the study's file and run the same command again."
    )
