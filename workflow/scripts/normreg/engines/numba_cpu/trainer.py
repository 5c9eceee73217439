"""Trains epoch by epoch with the engine. The interface is that of `engines.pytorch.TorchTrainer`.

Initial weights, order of the images, augmentation draws and schedules come from the same PyTorch code with the same
seeds. Results differ by rounding, and by the dropout masks: these come from a hash and not from PyTorch's generator.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from normreg.config.condition import Condition
from normreg.data.dataset import Dataset
from normreg.engines.contract import DataFacts
from normreg.engines.numba_cpu.augment import augment
from normreg.engines.numba_cpu.contract import stages_of, supports
from normreg.engines.numba_cpu.errors import UnsupportedError
from normreg.engines.numba_cpu.machine import REGISTERS
from normreg.engines.numba_cpu.network import Batch, EngineNetwork
from normreg.models.layers import Dropout, GhostBatchNorm
from normreg.models.shapes import batch_bounds, usable_splits
from normreg.training import draws, objective
from normreg.training.evaluation import Normaliser
from normreg.training.loop import Trained, Trainer, Validated
from normreg.training.schedule import make_detached_schedule

_CHUNK = 512  # images augmented at once, at least: few calls are faster, and so few images stay in the cache
_STATISTICS = {"running_mean": "running_mean", "running_var": "running_variance"}  # names in PyTorch, and in the engine


class EngineTrainer(Trainer):
    """One run. Sets PyTorch's default generator for the initial weights. Uses one thread."""

    def __init__(self, condition: Condition, seed: int, data: Dataset, cache: Path) -> None:
        """`cache` is the folder of compiled kernels.

        Raises:
            UnsupportedError: the engine does not know a key or value of the condition, or has no kernels for the
                network or the processor.
        """
        facts = DataFacts.of(data)
        reason = supports(condition, facts)
        if reason is not None:
            raise UnsupportedError(reason)
        self.condition, self.seed = condition, seed
        self.images, self.labels = torch.as_tensor(data.train_images), data.train_labels.astype(np.int64)
        self.test_images = np.ascontiguousarray(data.test_images.reshape(len(data.test_images), -1))
        self.test_labels = data.test_labels.astype(np.int64)
        self.model = draws.initial_model(condition, seed, facts.shape)
        self._norms = [module for module in self.model.modules() if isinstance(module, nn.BatchNorm2d)]
        self.splits = next((norm.num_splits for norm in self._norms if isinstance(norm, GhostBatchNorm)), 1)
        self.bounds = batch_bounds(len(self.images), condition["batch_size"])
        self.largest = max(stop - start for start, stop in self.bounds)
        self.description = f"{REGISTERS.name} kernels"
        stages, dropout = stages_of(condition, facts), Dropout(condition["dropout"]).threshold
        self.network = EngineNetwork(stages, self.largest, dropout, cache)
        values = torch.arange(256, dtype=torch.uint8).expand(1, facts.shape.channels, 1, 256)
        self.network.pixels[:] = Normaliser(data.normalise)(values).numpy().reshape(-1)
        self._import_model()
        inside = {id(p) for p in objective.scoped_parameters(self.model, condition["penalty_scope"])[0]}
        self.penalised = np.array([id(p) in inside for p in self.model.parameters()])
        self.schedule = make_detached_schedule(condition, len(self.bounds))

    @torch.no_grad()
    def _export_model(self) -> None:
        """Copies weights and running statistics from the engine's arrays to `model`."""
        parts = torch.from_numpy(self.network.weights.copy()).split([p.numel() for p in self.model.parameters()])
        for parameter, part in zip(self.model.parameters(), parts, strict=True):
            parameter.copy_(part.view_as(parameter))
        for norm, own in zip(self._norms, self._norm_arrays(), strict=True):
            for name, array in _STATISTICS.items():
                norm.get_buffer(name).copy_(torch.from_numpy(own[array].copy()))

    def _import_model(self) -> None:
        """Copies weights and running statistics from `model` to the engine's arrays."""
        parameters = [p.detach().reshape(-1) for p in self.model.parameters()]
        self.network.weights[:] = torch.cat(parameters).numpy()
        for norm, own in zip(self._norms, self._norm_arrays(), strict=True):
            for name, array in _STATISTICS.items():
                own[array][:] = norm.get_buffer(name).numpy()

    def _norm_arrays(self) -> Iterator[dict[str, Any]]:
        pairs = zip(self.network.stages, self.network.buffers, strict=True)
        return (own for stage, own in pairs if stage.norm)

    def _train_epoch(self, epoch: int) -> Trained:
        key = draws.dropout_key(self.seed, epoch)
        totals, penalty, counter = np.zeros(2), 0.0, 0
        for images, labels in self._batches(epoch):
            splits = usable_splits(len(labels), self.splits)
            counter = self.network.train(Batch(images, labels, splits, counter), key, totals)
            penalty += self._step() * len(labels)
        for norm in self._norms:
            norm.get_buffer("num_batches_tracked").add_(len(self.bounds))
        self._export_model()
        count = len(self.images)
        loss, correct = totals.tolist()  # plain numbers, because the state of a run must not hold NumPy's types
        return Trained((loss + penalty) / count, loss / count, round(correct))

    def _batches(self, epoch: int) -> Iterator[tuple[Any, Any]]:
        """Augmented images (count, channels * height * width) and labels of each batch, in the epoch's order."""
        count, spec = len(self.images), self.condition["augmentation"]
        height, width = self.images.shape[-2:]
        drawn = draws.epoch_draws(self.seed, epoch, count, spec, (height, width))
        group = -(-_CHUNK // self.condition["batch_size"])
        for first in range(0, len(self.bounds), group):
            bounds = self.bounds[first : first + group]
            start, stop = bounds[0][0], bounds[-1][1]
            part = drawn.part(start, stop)
            images = augment(spec, part.augmentation, self.images.index_select(0, part.order), self.network.shared.warp)
            labels = self.labels[part.order.numpy()]
            for low, high in bounds:
                yield images[low - start : high - start], labels[low - start : high - start]

    def _step(self) -> float:
        """Does one SGD step with the schedule's numbers for this batch. Returns the penalty in the objective."""
        lambdas, network = self.condition["lambdas"], self.network
        penalty = network.shared.sgd(
            network.weights,
            network.gradients,
            network.memory.velocity,
            network.memory.bounds,
            self.penalised,
            lambdas["l1"],
            lambdas["l2"],
            lambdas["group_l2"],
            self.schedule.lr,
            self.schedule.momentum,
            self.condition["optimizer"]["nesterov"],
        )
        self.schedule.after_batch()
        return float(penalty)

    def _validate(self) -> Validated:
        totals = np.zeros(2)
        self.network.set_evaluation_constants()
        for start in range(0, len(self.test_labels), self.largest):
            part = slice(start, start + self.largest)
            self.network.evaluate(Batch(self.test_images[part], self.test_labels[part], 1), totals)
        loss, correct = totals.tolist()
        return Validated(loss / len(self.test_labels), round(correct))

    def state(self) -> dict[str, Any]:
        """All that `restore` needs after a finished epoch."""
        return {
            "model": {name: value.clone() for name, value in self.model.state_dict().items()},
            "velocity": torch.from_numpy(self.network.memory.velocity.copy()),
            "schedule": self.schedule.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from a `state` of another process. The next epochs then give the same bits as in that process."""
        self.model.load_state_dict(state["model"])
        self._import_model()
        self.network.memory.velocity[:] = state["velocity"].numpy()
        self.schedule.restore(state["schedule"])
