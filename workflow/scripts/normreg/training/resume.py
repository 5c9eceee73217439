"""Takes over the state of an earlier process, if it can only be what that process left."""

import copy
import logging
import math
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from normreg.config.condition import Condition, validates
from normreg.models.batches import batch_bounds
from normreg.training.history import Epoch
from normreg.training.state import StateFile
from normreg.training.trainer import Trainer

log = logging.getLogger("normreg")


def resume(trainer: Trainer, label: str, state: StateFile) -> list[Epoch]:
    """Restores `trainer`, a fresh one, from `state`; returns the rows of the finished epochs.

    Without a state that fits there are none, the log says why, and the trainer is as fresh as before.
    """
    saved = state.load()
    if saved is None:
        return []
    fresh = copy.deepcopy(trainer.state())
    try:
        history = _restore(trainer, saved)
    except Exception as error:  # wrong content fails in any way: keys, types, shapes
        trainer.restore(fresh)
        state.refuse(f"its content is wrong ({_shorten(error)})")
        return []
    epochs = trainer.condition["epochs"]
    if len(history) == epochs:
        log.info("%s: all %d epochs are trained already; their results are taken from %s", label, epochs, state.path)
    else:
        log.info("%s: goes on after epoch %d of %d", label, len(history), epochs)
    return history


def _restore(trainer: Trainer, saved: Mapping[str, Any]) -> list[Epoch]:
    history, state = _read_history(saved["history"], trainer.condition), saved["trainer"]
    _run_schedule(trainer, len(history))
    expected = copy.deepcopy(trainer.schedule.state())
    buffers = state["schedule"]["optimizer"]["state"]
    expected["optimizer"]["state"] = buffers
    if not same(state["schedule"], expected):
        raise ValueError(f"its schedule is not that after epoch {len(history)}")
    _check_buffers(trainer, buffers, len(history) * _batches(trainer))
    trainer.restore(copy.deepcopy(state))
    if not same(trainer.state(), state):  # a broadcast shape, an extra name, NaN
        raise ValueError("its weights or momentum are not those of this network")
    return history


def _read_history(rows: list[dict[str, Any]], condition: Condition) -> list[Epoch]:
    history, epochs = [Epoch(**row) for row in rows], condition["epochs"]
    if [row.epoch for row in history] != list(range(1, len(history) + 1)) or not 1 <= len(history) <= epochs:
        raise ValueError(f"its history is not that of 1 to {epochs} epochs")
    for row in history:
        for name, value in asdict(row).items():
            if name.startswith("validation_") and not validates(condition, row.epoch):
                right = value is None
            else:
                right = type(value) is (int if name == "epoch" else float) and math.isfinite(value)
            if not right:
                raise ValueError(f"{name} is {value} in its history")
    return history


def _run_schedule(trainer: Trainer, epochs: int) -> None:
    """Steps the fresh schedule through epochs without training."""
    batches = _batches(trainer)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's: the schedule steps without the optimizer
        for _ in range(epochs):
            for _ in range(batches):
                trainer.schedule.after_batch()
            trainer.schedule.after_epoch()


def _batches(trainer: Trainer) -> int:
    return len(batch_bounds(len(trainer.images), trainer.condition["batch_size"]))


def _check_buffers(trainer: Trainer, buffers: Mapping[int, Mapping[str, Any]], steps: int) -> None:
    """PyTorch takes any momentum and fails at the next step, or starts anew where one is missing. AdamW has two."""
    groups = trainer.schedule.scheduler.optimizer.param_groups
    parameters = [(group, parameter) for group in groups for parameter in group["params"]]
    own = {id(parameter) for parameter in trainer.model.parameters()}  # an engine's own update steps none of them
    needed = {
        index: _buffers_of(group, p) for index, (group, p) in enumerate(parameters) if id(p) in own and p.requires_grad
    }
    stepped = {index for index, names in needed.items() if names}
    if not stepped <= set(buffers) <= set(range(len(parameters))):
        raise ValueError("its momentum is not that of all parameters")
    for index in stepped:
        for name, shape in needed[index].items():
            buffer = buffers[index][name]
            if buffer.shape != shape or buffer.dtype != parameters[index][1].dtype:
                raise ValueError("its momentum has other shapes than the parameters")
        if "step" in needed[index] and buffers[index]["step"].item() != steps:
            raise ValueError(f"its optimizer did not make {steps} steps")


def _buffers_of(group: Mapping[str, Any], parameter: Tensor) -> dict[str, torch.Size]:
    """Names and shapes of the tensors that PyTorch's SGD or AdamW keeps for a parameter once it has stepped."""
    if "momentum" in group:
        return {"momentum_buffer": parameter.shape} if group["momentum"] else {}
    return {"step": torch.Size(), "exp_avg": parameter.shape, "exp_avg_sq": parameter.shape}


def same(one: object, other: object) -> bool:
    """Whether nested maps, lists, tensors and plain values are equal; NaN equals nothing."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.dtype == other.dtype and torch.equal(one.cpu(), other.cpu())
    if isinstance(one, Tensor) or isinstance(other, Tensor):
        return False
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def _shorten(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:160]
