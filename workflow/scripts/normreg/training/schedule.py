"""Learning rate schedules. All of them are PyTorch's own."""

from collections.abc import Mapping
from typing import Any

import torch
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import (
    ConstantLR,
    CosineAnnealingLR,
    LinearLR,
    LRScheduler,
    OneCycleLR,
    SequentialLR,
    StepLR,
)

from normreg.config.condition import Condition
from normreg.errors import ConfigError
from normreg.training.objective import uncompiled

WARM_UP_FROM = 0.01  # the share of the learning rate at which cosine's warm-up begins, as in torchvision's recipes


class Schedule:
    """A PyTorch scheduler, and when it steps: after each batch (onecycle, cosine) or after each epoch (the others)."""

    def __init__(self, scheduler: LRScheduler, per_batch: bool) -> None:
        self.scheduler = scheduler
        self.per_batch = per_batch

    @property
    def lr(self) -> float:
        """Learning rate of the next batch."""
        return float(self.scheduler.optimizer.param_groups[0]["lr"])

    @property
    def momentum(self) -> float:
        """Momentum of the next batch. Only SGD has one."""
        return float(self.scheduler.optimizer.param_groups[0]["momentum"])

    def after_batch(self) -> None:
        """Steps the schedule if it steps after each batch."""
        if self.per_batch:
            self.scheduler.step()

    def after_epoch(self) -> None:
        """Steps the schedule if it steps after each epoch."""
        if not self.per_batch:
            self.scheduler.step()

    def state(self) -> dict[str, Any]:
        """What `restore` needs. The current rates are in the optimizer's state."""
        return {"scheduler": self.scheduler.state_dict(), "optimizer": self.scheduler.optimizer.state_dict()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continues from what `state` returned."""
        self.scheduler.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(dict(state["scheduler"]))


def make_detached_schedule(condition: Condition, batches: int) -> Schedule:
    """A schedule for an engine that does SGD itself and only reads rates. Its optimizer trains nothing."""
    own = condition["optimizer"]
    optimizer = uncompiled(SGD)([torch.zeros(1)], lr=own["lr"], momentum=own["momentum"], nesterov=own["nesterov"])
    schedule = make_schedule(optimizer, condition["schedule"], condition["epochs"], batches)
    optimizer.step()  # changes nothing; without it, PyTorch's schedules warn
    return schedule


def make_schedule(optimizer: Optimizer, spec: Mapping[str, Mapping[str, Any]], epochs: int, batches: int) -> Schedule:
    """Makes the schedule of a resolved condition.

    Args:
        optimizer: the optimizer to drive.
        spec: a mapping with one key. `constant` has no arguments. `step` steps per epoch and has the arguments of
            `StepLR`. `onecycle` steps per batch, has the arguments of `OneCycleLR`, and also changes the momentum, or
            beta1 of AdamW: it falls while the learning rate rises. `cosine` steps per batch, see `_cosine`.
        epochs, batches: epochs of the run and batches in an epoch. `onecycle` and `cosine` span all of them.

    Raises:
        ConfigError: the rise of `onecycle` has exactly one batch, which PyTorch cannot compute.
        ValueError: the key is unknown.
    """
    ((kind, arguments),) = spec.items()
    if kind == "constant":
        return Schedule(ConstantLR(optimizer, factor=1.0, total_iters=0), per_batch=False)
    if kind == "step":
        return Schedule(StepLR(optimizer, **arguments), per_batch=False)
    if kind == "cosine":
        warm_up = arguments["warmup_epochs"] * batches
        return Schedule(_cosine(optimizer, warm_up, epochs * batches, arguments["min_lr"]), per_batch=True)
    if kind != "onecycle":
        raise ValueError(f"unknown schedule {kind!r}; expected constant, step, cosine or onecycle")
    # With a single step, OneCycleLR starts at its end, where the rate is almost 0. The second step is never taken.
    steps = max(2, epochs * batches)
    if arguments.get("pct_start", 0.3) * steps == 1:  # PyTorch divides by zero here
        raise ConfigError(
            f"key 'schedule.onecycle.pct_start': found {arguments['pct_start']}, which over {steps} batches leaves "
            "exactly one for the rise; choose another share or more epochs."
        )
    return Schedule(OneCycleLR(optimizer, total_steps=steps, **arguments), per_batch=True)


def _cosine(optimizer: Optimizer, warm_up: int, steps: int, min_lr: float) -> LRScheduler:
    """Linear warm-up over `warm_up` of `steps` batches, then a cosine without restarts (Loshchilov & Hutter 2017).

    The warm-up rises from `WARM_UP_FROM` of the optimizer's rate lr. In batch t = 0, 1, ... after it the rate is
    min_lr + (lr - min_lr) * (1 + cos(pi * t / (steps - warm_up))) / 2. The rate of the batch after the last would be
    min_lr.
    """
    cosine = CosineAnnealingLR(optimizer, T_max=steps - warm_up, eta_min=min_lr)
    if not warm_up:
        return cosine
    rise = LinearLR(optimizer, start_factor=WARM_UP_FROM, total_iters=warm_up)
    return SequentialLR(optimizer, [rise, cosine], milestones=[warm_up])
