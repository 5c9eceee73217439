"""Learning rate schedules, all PyTorch's own."""

from collections.abc import Mapping
from typing import Any

import torch
from torch.optim import SGD
from torch.optim.lr_scheduler import ConstantLR, LRScheduler, OneCycleLR, StepLR

from normreg.config.condition import Condition
from normreg.errors import ConfigError


class Schedule:
    """A PyTorch scheduler that knows when to step: after each batch (onecycle) or after each epoch (the others)."""

    def __init__(self, scheduler: LRScheduler, per_batch: bool) -> None:
        self.scheduler = scheduler
        self.per_batch = per_batch

    @property
    def lr(self) -> float:
        """Learning rate of the next batch."""
        return float(self.scheduler.optimizer.param_groups[0]["lr"])

    @property
    def momentum(self) -> float:
        """Momentum of the next batch."""
        return float(self.scheduler.optimizer.param_groups[0]["momentum"])

    def after_batch(self) -> None:
        """Steps a per-batch schedule."""
        if self.per_batch:
            self.scheduler.step()

    def after_epoch(self) -> None:
        """Steps a per-epoch schedule."""
        if not self.per_batch:
            self.scheduler.step()

    def state(self) -> dict[str, Any]:
        """What `restore` needs: the rates of now are the optimizer's."""
        return {"scheduler": self.scheduler.state_dict(), "optimizer": self.scheduler.optimizer.state_dict()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes over what `state` returned."""
        self.scheduler.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(dict(state["scheduler"]))


def make_detached_schedule(condition: Condition, batches: int) -> Schedule:
    """The schedule of an engine with an update of its own, which reads the rates: its optimizer trains nothing."""
    optimizer = SGD([torch.zeros(1)], **condition["optimizer"])
    schedule = make_schedule(optimizer, condition["schedule"], condition["epochs"], batches)
    optimizer.step()  # changes nothing; schedules warn if it was never called
    return schedule


def make_schedule(optimizer: SGD, spec: Mapping[str, Mapping[str, Any]], epochs: int, batches: int) -> Schedule:
    """The schedule of a resolved condition.

    Args:
        optimizer: the optimizer to drive.
        spec: one key, `constant`, `step` (per epoch) or `onecycle` (per batch, momentum cycled against it), with the
            arguments of `StepLR` or `OneCycleLR`.
        epochs, batches: epochs of the run and batches in an epoch; onecycle spans them all.
    """
    ((kind, arguments),) = spec.items()
    if kind == "constant":
        return Schedule(ConstantLR(optimizer, factor=1.0, total_iters=0), per_batch=False)
    if kind == "step":
        return Schedule(StepLR(optimizer, **arguments), per_batch=False)
    if kind == "onecycle":
        # OneCycleLR over one single step is its end, almost 0; the extra step is never taken.
        steps = max(2, epochs * batches)
        if arguments.get("pct_start", 0.3) * steps == 1:  # PyTorch would divide by zero
            raise ConfigError(
                f"key 'schedule.onecycle.pct_start': found {arguments['pct_start']}, which over {steps} batches leaves "
                "exactly one for the rise; choose another share or more epochs."
            )
        return Schedule(OneCycleLR(optimizer, total_steps=steps, **arguments), per_batch=True)
    raise ValueError(f"unknown schedule {kind!r}; expected constant, step or onecycle")
